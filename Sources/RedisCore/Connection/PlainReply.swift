import CHiredis

/// A short reply of a plain type, read where it lies in the input buffer.
///
/// That is nearly every reply of a pipelined connection. All others (statuses, errors, numbers of unusual length,
/// arrays of anything but plain replies) go through hiredis' reader, which alone judges what is not the protocol: here
/// the answer is only ever "not for me".
enum PlainReply: Equatable {
    case null
    case integer(Int64)
    /// A bulk string, `count` bytes from `start` of what was read.
    case bytes(start: Int, count: Int)

    enum Outcome: Equatable {
        /// It took so many bytes.
        case whole(PlainReply, Int)
        /// What there is is the beginning of one.
        case beginning
        /// To be read by hiredis.
        case other
    }

    /// Longer strings get a buffer of their own, which becomes the caller's value.
    static let longest = ReplyArena.largeString - 1
    /// More digits than any length or usual counter has; fewer than overflow.
    private static let mostDigits = 17

    /// Reads the first reply in `bytes`.
    @inline(__always)
    static func read(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        switch bytes.first {
        case UInt8(ascii: "$"): readString(bytes)
        case UInt8(ascii: ":"): readInteger(bytes)
        default: .other
        }
    }

    @inline(__always)
    private static func readString(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        var index = 1
        switch readNumber(bytes, &index) {
        case .number(let length) where length <= longest:
            let end = index + length
            guard end + 2 <= bytes.count else { return .beginning }
            return isLineEnd(bytes, at: end) ? .whole(.bytes(start: index, count: length), end + 2) : .other
        case .beginning: return .beginning
        case .number, .other: return readNull(bytes)
        }
    }

    private static func readNull(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard bytes.count >= 5, bytes[1] == UInt8(ascii: "-"), bytes[2] == UInt8(ascii: "1"), isLineEnd(bytes, at: 3)
        else { return .other }
        return .whole(.null, 5)
    }

    @inline(__always)
    private static func readInteger(_ bytes: UnsafeRawBufferPointer) -> Outcome {
        guard bytes.count > 1 else { return .beginning }
        let isNegative = bytes[1] == UInt8(ascii: "-")
        var index = isNegative ? 2 : 1
        switch readNumber(bytes, &index) {
        case .number(let magnitude): return .whole(.integer(Int64(isNegative ? -magnitude : magnitude)), index)
        case .beginning: return .beginning
        case .other: return .other
        }
    }

    enum Number {
        case number(Int)
        case beginning
        case other
    }

    /// One to 17 digits and a line end; leaves `index` behind it.
    @inline(__always)
    static func readNumber(_ bytes: UnsafeRawBufferPointer, _ index: inout Int) -> Number {
        var value = 0
        let first = index
        let limit = min(bytes.count, first + mostDigits)
        while index < limit {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { break }
            value = value &* 10 &+ Int(digit)
            index += 1
        }
        guard index + 2 <= bytes.count else { return .beginning }
        guard index > first, isLineEnd(bytes, at: index) else { return .other }
        index += 2
        return .number(value)
    }

    /// Both bytes must be there.
    @inline(__always)
    private static func isLineEnd(_ bytes: UnsafeRawBufferPointer, at index: Int) -> Bool {
        bytes[index] == UInt8(ascii: "\r") && bytes[index + 1] == UInt8(ascii: "\n")
    }

    /// Writes it as hiredis would; `bytes` are those that it was read from.
    @inline(__always)
    func fill(_ target: UnsafeMutablePointer<redisReply>, _ bytes: UnsafeRawBufferPointer) {
        switch self {
        case .null: target.pointee.type = REDIS_REPLY_NIL
        case .integer(let value):
            target.pointee.type = REDIS_REPLY_INTEGER
            target.pointee.integer = value
        case .bytes(let start, let count):
            target.pointee.type = REDIS_REPLY_STRING
            target.pointee.str = UnsafeMutablePointer(
                mutating: bytes.baseAddress?.advanced(by: start).assumingMemoryBound(to: CChar.self))
            // `len` is an int in hiredis 0.14 and a size_t since 1.0.
            target.pointee.len = numericCast(count)
        }
    }
}
