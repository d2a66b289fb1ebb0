/// A Redis key inside a command: marks the argument as one that decides the cluster slot.
///
/// ```swift
/// try await redis.command(RedisCommand("SET", RedisKey("user:7"), "Ada"))
/// ```
///
/// Keys are equal when their bytes are, as for Redis: `é` in one scalar and in two are two keys.
public struct RedisKey: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The key's name as sent.
    public let name: String

    /// Wraps a name; nothing is escaped.
    public init(_ name: String) { self.name = name }

    /// Wraps a literal name.
    public init(stringLiteral value: String) { name = value }

    /// True when both have the same bytes.
    public static func == (left: RedisKey, right: RedisKey) -> Bool {
        ExactString(left.name) == ExactString(right.name)
    }

    /// Feeds the bytes.
    public func hash(into hasher: inout Hasher) { ExactString(name).hash(into: &hasher) }

    /// The name.
    public var description: String { name }
}
