public import FoundationEssentials

/// A type that can be made from one reply; optionals, arrays and dictionaries of such types work too.
///
/// `T?` turns the null reply into `nil`; for any other type null is a ``RedisError/Code/decoding`` error. An error
/// reply inside an array is thrown, unless the type is ``RedisValue``, which can hold it.
public protocol RedisDecodable: Sendable {
    /// Reads one reply; throws ``RedisError/Code/decoding`` when its shape does not fit.
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Self
}

extension RedisReply {
    /// Why the reply does not fit `type`, in words that hold no data.
    func mismatch<T>(_ type: T.Type) -> RedisError {
        if kind == .error { return RedisError(serverReply: text, operation: "nested reply", address: nil) }
        return .cannotDecode(type, kind == .null ? "it is null (use an optional)" : "it is of type \(kind)")
    }
}

extension RedisValue: RedisDecodable {
    /// Takes any reply.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> RedisValue { .init(reply) }

    init(_ reply: borrowing RedisReply) {
        switch reply.kind {
        case .null: self = .null
        case .integer: self = .integer(reply.integer ?? 0)
        case .status: self = .status(reply.text)
        case .bytes: self = .bytes(reply.bytes)
        case .error: self = .error(reply.text)
        case .array:
            var elements: [RedisValue] = []
            elements.reserveCapacity(reply.count)
            for index in 0..<reply.count {
                guard let element = reply.element(index) else { continue }
                elements.append(RedisValue(RedisReply(element, reply.arena)))
            }
            self = .array(elements)
        }
    }
}

extension String: RedisDecodable {
    /// Reads text; bytes that are not UTF-8 are an error, never replaced.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> String {
        switch reply.kind {
        case .bytes, .status:
            guard let text = String(validating: reply.rawBytes, as: UTF8.self) else {
                throw .cannotDecode(String.self, "its bytes are not UTF-8")
            }
            return text
        case .integer: return String(reply.integer ?? 0)
        case .null, .array, .error: throw reply.mismatch(String.self)
        }
    }
}

extension Int64: RedisDecodable {
    /// Reads an integer, or text that is one.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int64 {
        if let value = reply.integer { return value }
        guard reply.kind == .bytes || reply.kind == .status else { throw reply.mismatch(Int64.self) }
        guard let value = Int64(reply.text) else { throw .cannotDecode(Int64.self, "its text is not an integer") }
        return value
    }
}

extension Int: RedisDecodable {
    /// Reads an integer, or text that is one.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int {
        Int(truncatingIfNeeded: try Int64.decode(reply))
    }
}

extension Double: RedisDecodable {
    /// Reads a number written as text, or an integer; `inf` and `-inf` are numbers.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Double {
        if let value = reply.integer { return Double(value) }
        guard reply.kind == .bytes || reply.kind == .status else { throw reply.mismatch(Double.self) }
        guard let value = Double(reply.text) else { throw .cannotDecode(Double.self, "its text is not a number") }
        return value
    }
}

extension Bool: RedisDecodable {
    /// Reads 0 and 1; the status `OK` is true, null is false (as `SET … NX` answers).
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Bool {
        switch reply.kind {
        case .integer where reply.integer == 0 || reply.integer == 1: reply.integer == 1
        case .status where reply.text == "OK": true
        case .null: false
        default: throw reply.mismatch(Bool.self)
        }
    }
}

extension Data: RedisDecodable {
    /// Reads the bytes of a bulk string.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Data {
        guard reply.kind == .bytes else { throw reply.mismatch(Data.self) }
        return Data(reply.rawBytes)
    }
}

extension Optional: RedisDecodable where Wrapped: RedisDecodable {
    /// Reads null as nil.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Wrapped? {
        reply.kind == .null ? nil : try Wrapped.decode(reply)
    }
}

extension UInt8: RedisDecodable {
    /// Reads an integer between 0 and 255.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> UInt8 {
        guard let value = UInt8(exactly: try Int64.decode(reply)) else {
            throw .cannotDecode(UInt8.self, "it is not between 0 and 255")
        }
        return value
    }
}

extension Array: RedisDecodable where Element: RedisDecodable {
    /// Reads `[UInt8]` from a bulk string, and any array from an array reply.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [Element] {
        if Element.self == UInt8.self, reply.kind == .bytes, let bytes = reply.bytes as? [Element] { return bytes }
        guard reply.kind == .array else { throw reply.mismatch([Element].self) }
        var elements: [Element] = []
        elements.reserveCapacity(reply.count)
        for index in 0..<reply.count { elements.append(try reply.decode(index)) }
        return elements
    }
}

extension Dictionary: RedisDecodable where Key: RedisDecodable, Value: RedisDecodable {
    /// Reads a flat array of keys and values, as HGETALL and CONFIG GET answer; a repeated key keeps its last value.
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [Key: Value] {
        guard reply.kind == .array else { throw reply.mismatch([Key: Value].self) }
        guard reply.count.isMultiple(of: 2) else {
            throw .cannotDecode([Key: Value].self, "it has \(reply.count) elements, which is not even")
        }
        var pairs: [Key: Value] = Dictionary(minimumCapacity: reply.count / 2)
        for index in stride(from: 0, to: reply.count, by: 2) {
            pairs[try reply.decode(index)] = try reply.decode(index + 1) as Value
        }
        return pairs
    }
}
