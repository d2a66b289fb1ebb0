public import FoundationEssentials

/// A type that can be made from one reply; optionals, arrays and dictionaries of such types work too.
///
/// `T?` turns the null reply into `nil`; for any other type null is a ``RedisError/Code/decoding`` error.
public protocol RedisDecodable: Sendable {
    /// Reads one reply; throws ``RedisError/Code/decoding`` when its shape does not fit.
    static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Self
}

/// A reply as it lies in the connection's buffer, valid only while it is being decoded.
public struct RedisReply: ~Copyable {
}

extension RedisValue: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> RedisValue { fatalError("stub") }
}
extension String: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> String { fatalError("stub") }
}
extension Int: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int { fatalError("stub") }
}
extension Int64: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Int64 { fatalError("stub") }
}
extension Double: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Double { fatalError("stub") }
}
extension Bool: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Bool { fatalError("stub") }
}
extension Data: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Data { fatalError("stub") }
}
extension Optional: RedisDecodable where Wrapped: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> Wrapped? { fatalError("stub") }
}
/// Arrays: of bytes for a bulk string, of elements for an array reply.
extension Array: RedisDecodable where Element: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [Element] { fatalError("stub") }
}
extension UInt8: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> UInt8 { fatalError("stub") }
}
extension Dictionary: RedisDecodable where Key: RedisDecodable, Value: RedisDecodable {
    public static func decode(_ reply: borrowing RedisReply) throws(RedisError) -> [Key: Value] { fatalError("stub") }
}
