import CHiredis

/// A reply as it lies in the connection's buffer, valid only while it is being decoded.
public struct RedisReply: ~Copyable {
    /// The protocol's types.
    public enum Kind: Sendable, Hashable {
        /// The null bulk string or null array.
        case null
        /// A signed 64-bit integer.
        case integer
        /// A short text such as `OK`.
        case status
        /// A bulk string.
        case bytes
        /// An array of replies.
        case array
        /// An error inside an array.
        case error
    }

    let pointer: UnsafePointer<redisReply>
    /// The socket that is decoding holds its arena; the reply does not outlive that call.
    private let unretainedArena: Unmanaged<ReplyArena>
    var arena: ReplyArena { unretainedArena.takeUnretainedValue() }

    init(_ pointer: UnsafePointer<redisReply>, _ arena: ReplyArena) {
        self.pointer = pointer
        unretainedArena = .passUnretained(arena)
    }

    /// The reply's type.
    public var kind: Kind {
        switch pointer.pointee.type {
        case REDIS_REPLY_INTEGER: .integer
        case REDIS_REPLY_STATUS: .status
        case REDIS_REPLY_STRING: .bytes
        case REDIS_REPLY_ARRAY: .array
        case REDIS_REPLY_ERROR: .error
        default: .null
        }
    }

    /// The integer of an `integer` reply, else nil.
    public var integer: Int64? {
        pointer.pointee.type == REDIS_REPLY_INTEGER ? Int64(pointer.pointee.integer) : nil
    }

    /// The bytes of a `bytes`, `status` or `error` reply, else an empty buffer.
    public func withBytes<T>(_ body: (UnsafeRawBufferPointer) throws -> T) rethrows -> T {
        try body(rawBytes)
    }

    /// Elements of an `array` reply, else 0.
    public var count: Int {
        pointer.pointee.type == REDIS_REPLY_ARRAY ? Int(pointer.pointee.elements) : 0
    }

    /// Decodes one element; throws `decoding` when there is none at `index`.
    public func decode<T: RedisDecodable>(_ index: Int, as type: T.Type = T.self) throws(RedisError) -> T {
        guard let element = element(index) else {
            throw .cannotDecode(T.self, "the reply has \(count) elements, so none at index \(index)")
        }
        return try T.decode(RedisReply(element, arena))
    }

    var rawBytes: UnsafeRawBufferPointer {
        switch pointer.pointee.type {
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS, REDIS_REPLY_ERROR:
            UnsafeRawBufferPointer(start: pointer.pointee.str, count: Int(pointer.pointee.len))
        default:
            UnsafeRawBufferPointer(start: nil, count: 0)
        }
    }

    /// The bytes as an array; a large string is handed over without a copy.
    var bytes: [UInt8] {
        let bytes = rawBytes
        if bytes.count >= ReplyArena.largeString, let address = pointer.pointee.str,
            let owned = arena.large[UnsafeMutableRawPointer(address)]
        {
            return owned
        }
        return [UInt8](bytes)
    }

    /// The text, with invalid UTF-8 replaced; for statuses and errors, which are ASCII in practice.
    var text: String { String(decoding: rawBytes, as: UTF8.self) }

    func element(_ index: Int) -> UnsafePointer<redisReply>? {
        guard index >= 0, index < count else { return nil }
        return UnsafePointer(pointer.pointee.element[index])
    }
}

extension RedisError {
    static func cannotDecode<T>(_ type: T.Type, _ detail: String) -> RedisError {
        RedisError(.decoding, operation: "decode", message: "Cannot read the reply as \(type): \(detail).")
    }
}
