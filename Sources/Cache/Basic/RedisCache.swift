public import RedisCore

/// A cache of typed values in Redis: a namespace of keys with a default time to live.
///
/// ```swift
/// let cache = RedisCache(redis, prefix: "myapp")
/// try await cache.set("user:1", user, ttl: .after(.seconds(300)))
/// let user: User? = try await cache.get("user:1")
/// ```
///
/// **What it promises.** A value that was set is read by everybody until its time is over, it is deleted, invalidated
/// or evicted, or Redis loses it. Values written by `remember` cannot land after an invalidation that came later than
/// their load. **When Redis does not answer** each round trip of a call waits at most ``CacheOptions/timeout``, and
/// calls that take several say so; after five failures in a row a circuit breaker answers at once. Reads then count as
/// misses (unless ``CacheFailurePolicy/closed``), everything else throws `unavailable`. **When a reply is lost**
/// commands that may be repeated are; for the others the error says that the effect is unknown, as it does when a call
/// fails after some of its steps were done.
///
/// **Not on a cluster.** A read asks for an entry and for what may have invalidated it, which lie in different slots: a
/// server in cluster mode refuses that, and reads throw `unavailable`, whatever the policy.
///
/// Keys are 1 to 1,024 bytes; braces, glob characters and controls in them are escaped. `:` separates levels: the key
/// `users:1` and the key `1` of ``namespace(_:options:)`` `users` are the same entry.
public struct RedisCache: Sendable {
    let engine: CacheEngine
    let keys: CacheKeys
    /// What it was made with.
    public let options: CacheOptions
    let coder: ValueCoder
    let flaw: CacheError?
    /// What it keeps in this process, in common with all caches of its root.
    let nearLevel: NearLevel?
    /// Its memory: weak references to the level make counting its own slow.
    let nearStore: NearCacheStore?
    /// Distinguishes values of one key that were decoded in different ways.
    let nearView: UInt32
    /// nil when nobody wants to know what it does.
    let probe: CacheProbe?

    /// A cache on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; its caches share one circuit breaker.
    ///   - prefix: What its keys begin with, before a colon; `‹the client's prefix›:cache` when nil.
    ///   - options: Options that cannot work are thrown as `invalidArgument` by every call.
    public init(_ redis: RedisClient, prefix: String? = nil, options: CacheOptions = CacheOptions()) {
        let configuration = redis.configuration
        let fallback = configuration.prefix.isEmpty ? "cache" : configuration.prefix + ":cache"
        self.init(.of(redis), CacheKeys(prefix: prefix ?? fallback, database: configuration.database), options)
    }

    private init(_ engine: CacheEngine, _ keys: CacheKeys, _ options: CacheOptions) {
        self.engine = engine
        self.keys = keys
        self.options = options
        coder = ValueCoder(serializer: options.serializer)
        nearView = options.near == nil ? 0 : NearView(options).number
        flaw = options.flaw(root: keys.root)
        let near = flaw == nil ? options.near.map { engine.nearLevels.of(keys, engine, $0) } : nil
        nearLevel = near
        nearStore = near?.store
        probe = CacheProbe(options.observer, engine.logger, prefix: keys.prefix)
        if let observer = options.observer { engine.observers.add(observer, root: keys.root) }
    }

    /// A cache within this one: keys `‹prefix›:‹name›:…`, cleared with it, tags in common.
    public func namespace(_ name: String, options: CacheOptions? = nil) -> RedisCache {
        RedisCache(engine, keys.nested(name), options ?? self.options)
    }

    /// A cache within this one for one tenant: keys `‹prefix›:tenant:‹id›:…`.
    ///
    /// Colons of the id are escaped: no id, whatever a user chose, reaches into another tenant's keys.
    public func tenant(_ id: String, options: CacheOptions? = nil) -> RedisCache {
        RedisCache(engine, keys.nested("tenant", id: id), options ?? self.options)
    }

    /// The same entries under other options, such as another serializer or a shorter time-out.
    public func with(_ change: (inout CacheOptions) -> Void) -> RedisCache {
        var options = options
        change(&options)
        return RedisCache(engine, keys, options)
    }

    /// The key in Redis of one of its entries, for tools and other programs.
    public func redisKey(_ key: String) throws -> RedisKey { try entry(key, "redisKey") }

    /// What every call begins with: the entry's key, if the options can work.
    func entry(_ key: String, _ operation: String) throws(CacheError) -> RedisKey {
        try check()
        return try keys.entry(key, operation: operation)
    }

    func check() throws(CacheError) {
        if let flaw { throw flaw }
    }

    func milliseconds(_ ttl: CacheTTL, _ operation: String) throws(CacheError) -> Int64? {
        try ttl.milliseconds(default: options.defaultTTL, operation: operation)
    }
}
