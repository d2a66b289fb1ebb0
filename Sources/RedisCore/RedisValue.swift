/// A reply as the server sent it, for callers that want no typed decoding.
public enum RedisValue: Sendable, Hashable {
    /// The null bulk string or null array.
    case null
    /// `:42`.
    case integer(Int64)
    /// `+OK`.
    case status(String)
    /// A bulk string: bytes, not necessarily UTF-8.
    case bytes([UInt8])
    /// An array, possibly nested.
    case array([RedisValue])
    /// An error reply inside an array (EXEC, or a script's table); a top-level one is thrown instead.
    case error(String)
}
