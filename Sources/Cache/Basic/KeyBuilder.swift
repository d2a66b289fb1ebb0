import RedisCore

/// Names for Redis keys in one convention: `‹prefix›:‹entity›:‹id›[:‹field›]`.
///
/// ```swift
/// let keys = KeyBuilder(prefix: "app")
/// try keys.user("123")                        // app:user:123
/// try keys.userList(page: 1, limit: 10)       // app:user:list:p1:l10
/// try keys.lock("payment", "order-123")       // app:lock:payment:order-123
/// ```
///
/// Each part is one segment: colons, braces, glob characters and controls in it are escaped as `%XX`, so no id,
/// whatever a user chose, reaches into another's keys, another slot or another's pattern. Without a prefix the names
/// are those of entries of a ``RedisCache``, which has one of its own.
///
/// Every method throws `invalidArgument` for a part that is empty or a name above 1,024 bytes; nothing is sent.
public struct KeyBuilder: Sendable, Hashable {
    /// What all names begin with, escaped; levels are separated by colons.
    public let prefix: String

    /// Names that begin with a prefix; with none when it is empty.
    public init(prefix: String = "") { self.prefix = KeyText.escaped(prefix) }

    /// A name of parts.
    public func build(_ parts: String...) throws -> String { try build(parts) }

    /// A name of parts.
    public func build(_ parts: [String]) throws -> String {
        guard !parts.isEmpty, !parts.contains("") else {
            throw CacheError(.invalidArgument, operation: "build", message: "a part of the key is empty")
        }
        let name = ((prefix.isEmpty ? [] : [prefix]) + parts.map(KeyText.segment)).joined(separator: ":")
        try CacheKeys.check(name, "the key", operation: "build")
        return name
    }

    /// `‹prefix›:‹entity›:‹id›`, and `…:‹field›` with fields.
    public func entity(_ entity: String, id: String, _ fields: String...) throws -> String {
        try build([entity, id] + fields)
    }

    /// `‹prefix›:user:‹id›`.
    public func user(_ id: String) throws -> String { try build("user", id) }

    /// `‹prefix›:user:list:p‹page›:l‹limit›`.
    public func userList(page: Int, limit: Int) throws -> String { try build("user", "list", "p\(page)", "l\(limit)") }

    /// `‹prefix›:session:‹id›`.
    public func session(_ id: String) throws -> String { try build("session", id) }

    /// `‹prefix›:ratelimit:‹identifier›`.
    public func rateLimit(_ identifier: String) throws -> String { try build("ratelimit", identifier) }

    /// `‹prefix›:rate:‹user›:‹api›`.
    public func rate(user: String, api: String) throws -> String { try build("rate", user, api) }

    /// `‹prefix›:lock:‹resource›`, the resource in one part or several.
    public func lock(_ resource: String...) throws -> String { try build(["lock"] + resource) }

    /// `{‹prefix›}:tag:‹tag›`: where caches with this prefix keep when the tag was last invalidated.
    ///
    /// For looking at it; ``RedisCache/invalidate(tags:)`` writes it.
    public func cacheTag(_ tag: String) throws -> String {
        try CacheKeys.check(tag: tag, operation: "build")
        return CacheKeys.tag(tag, root: prefix)
    }
}
