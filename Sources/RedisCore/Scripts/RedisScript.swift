/// A Lua script with its SHA-1, sent as EVALSHA first and as EVAL when the server does not know it.
///
/// Keep scripts in `static let`s: the source is then hashed once per process, and a server that lost its script cache
/// (SCRIPT FLUSH, restart, failover) costs one further round trip on the next call.
///
/// ```swift
/// static let compareAndDelete = RedisScript("compareAndDelete", isSafeToRepeat: true, """
///     if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
///     return 0
///     """)
/// ```
public struct RedisScript: Sendable {
    /// Names the script in errors and logs.
    public let name: String
    /// The Lua text.
    public let source: String
    /// The SHA-1 of the text, lower-case hexadecimal.
    public let sha: String
    /// Whether repeating it after a lost reply is harmless; scripts in this package are written so.
    public let isSafeToRepeat: Bool

    /// Hashes the source once.
    public init(_ name: String, isSafeToRepeat: Bool = false, _ source: String) {
        self.name = name
        self.source = source
        self.isSafeToRepeat = isSafeToRepeat
        sha = SHA1.hexDigest(of: source.utf8)
    }
}
