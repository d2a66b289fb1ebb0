/// A Redis key inside a command: marks the argument as one that decides the cluster slot.
///
/// ```swift
/// try await redis.command(RedisCommand("SET", RedisKey("user:7"), "Ada"))
/// ```
public struct RedisKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The key's name as sent.
    public let name: String

    /// Wraps a name; nothing is escaped.
    public init(_ name: String) { self.name = name }

    /// Wraps a literal name.
    public init(stringLiteral value: String) { name = value }

    /// The name.
    public var description: String { name }
}
