public import RedisCore

/// A namespace of temporary items that can be found by key and by what they belong to.
///
/// ```swift
/// let actions = IndexedCache(redis, namespace: "confirmation", defaultTTL: .after(.seconds(900)))
/// try await actions.set("action_123", action, indexes: ["user": "alice", "session": "s1"])
/// for (key, action) in try await actions.allByIndex("user", "alice", as: Action.self) { … }
/// try await actions.delete("action_123")
/// ```
///
/// **What it promises.** An index lists exactly the items that are there and were last written with that value: not
/// those that expired, were deleted (nobody has to say what an item's indexes were), were evicted, or have another
/// value now. Each decision is one script on the server's time; no client's clock takes part. Every key ends by
/// itself unless its item is to live for ever.
///
/// **When Redis does not answer** reads of single items count as misses (unless ``CacheFailurePolicy/closed``);
/// everything else throws `unavailable`, lists too, because an empty list looks like a true one. **When a reply is
/// lost** writes are repeated and take effect once, unless the item was deleted in between; only
/// ``increment(_:by:ttl:)`` is not repeated. **When Redis restarts** without persistence everything is gone, indexes
/// and items alike.
///
/// **One slot.** All keys of a namespace share a hash tag: a cluster keeps a whole namespace on one node. Split what
/// outgrows a node into several namespaces.
///
/// Keys are 1 to 1,024 bytes, names of indexes 1 to 128, their values 1 to 1,024; any text is safe. An item has at most
/// 16 indexes.
public struct IndexedCache: Sendable {
    /// What all its keys belong to.
    public let namespace: String
    /// How values are stored and guarded, and how reads fail.
    public let options: CacheOptions
    /// Whether ends are noted for an ``ExpirySweeper``.
    public let expiry: ExpiryTracking

    let engine: CacheEngine
    let keys: IndexedKeys
    let coder: ValueCoder
    let database: Int
    private let onOperation: (@Sendable (CacheOperation) -> Void)?
    private let flaw: CacheError?

    /// A namespace; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; its caches share one circuit breaker.
    ///   - namespace: 1 to 1,024 bytes; the same name is the same items, whoever asks.
    ///   - defaultTTL: What `.default` means here; 15 minutes.
    ///   - prefix: What stands before all keys; the client's own when nil.
    ///   - options: As for ``RedisCache``; `defaultTTL` goes before theirs. Four are of no use here and change
    ///     nothing: `near` (every read asks Redis), `remember` (there are no loaders), `longestTagLife` (there are
    ///     no tags) and `observer` (`onOperation` tells, without keys, which may be ids of sessions). What cannot work
    ///     is thrown as `invalidArgument` by every call. Items have no `sliding` life.
    ///   - expiry: Whether somebody is told when items expire.
    ///   - onOperation: Called at the end of each operation, on the caller's task; must not block.
    public init(
        _ redis: RedisClient, namespace: String, defaultTTL: CacheTTL = .after(.seconds(900)), prefix: String? = nil,
        options: CacheOptions = CacheOptions(), expiry: ExpiryTracking = .off,
        onOperation: (@Sendable (CacheOperation) -> Void)? = nil
    ) {
        var options = options
        options.defaultTTL = defaultTTL
        self.namespace = namespace
        self.options = options
        self.expiry = expiry
        self.onOperation = onOperation
        engine = .of(redis)
        keys = IndexedKeys(prefix: prefix ?? redis.configuration.prefix, namespace: namespace)
        coder = ValueCoder(serializer: options.serializer)
        database = redis.configuration.database
        flaw = Self.flaw(options, namespace, expiry)
    }

    private static func flaw(
        _ options: CacheOptions, _ namespace: String, _ expiry: ExpiryTracking
    ) -> CacheError? {
        do throws(CacheError) {
            try CacheKeys.check(namespace, "a namespace", operation: "configure")
            _ = try expiry.milliseconds()
            guard options.sliding == nil else {
                throw CacheError(
                    .invalidArgument, operation: "configure",
                    message: "items of an indexed cache end when it was said, reads do not renew them; give no sliding")
            }
            return options.flaw()
        } catch {
            return error
        }
    }

    func check() throws(CacheError) {
        if let flaw { throw flaw }
    }
}

extension IndexedCache {
    /// What needs a person's confirmation: namespace `confirmation`, 15 minutes.
    public static func confirmation(_ redis: RedisClient) -> IndexedCache {
        IndexedCache(redis, namespace: "confirmation", defaultTTL: .after(.seconds(15 * 60)))
    }

    /// Half-done sign-ups: namespace `signup`, 5 minutes.
    public static func signup(_ redis: RedisClient) -> IndexedCache {
        IndexedCache(redis, namespace: "signup", defaultTTL: .after(.seconds(5 * 60)))
    }

    /// What belongs to a session: namespace `session`, 30 minutes.
    public static func session(_ redis: RedisClient) -> IndexedCache {
        IndexedCache(redis, namespace: "session", defaultTTL: .after(.seconds(30 * 60)))
    }

    /// Counters of calls: namespace `rate_limit`, 1 minute.
    ///
    /// A plain count per window; `RateLimiter` of `Coordination` is the one that admits no more than it should.
    public static func rateLimit(_ redis: RedisClient) -> IndexedCache {
        IndexedCache(redis, namespace: "rate_limit", defaultTTL: .after(.seconds(60)))
    }
}

// MARK: - Calls

extension IndexedCache {
    /// Runs an operation and tells the observer how it went.
    func observed<T>(
        _ operation: String, _ outcome: (T) -> CacheOperation.Outcome = { _ in .done },
        _ body: () async throws -> T
    ) async throws -> T {
        guard let onOperation else { return try await body() }
        let began = Moment.now
        func tell(_ outcome: CacheOperation.Outcome) {
            onOperation(
                CacheOperation(
                    name: operation, namespace: namespace, outcome: outcome, duration: Moment.now - began))
        }
        do {
            let value = try await body()
            tell(outcome(value))
            return value
        } catch {
            tell(.failed((error as? CacheError)?.code))
            throw error
        }
    }

    /// A checked key's name, for everything that is about one item.
    func name(_ key: String, _ operation: String) throws(CacheError) -> String {
        try check()
        return try keys.name(key, operation: operation)
    }

    /// The arguments that all scripts about items begin with.
    func arguments(_ name: String) throws(CacheError) -> [any RedisArgument] {
        [keys.root, name, expiry.mode.rawValue, try expiry.milliseconds()]
    }

    /// A time to live as scripts take it; empty for none.
    func life(_ ttl: CacheTTL, _ operation: String) throws(CacheError) -> String {
        try ttl.milliseconds(default: options.defaultTTL, operation: operation).map { String($0) } ?? ""
    }

    /// One script about one item.
    func evaluate<T: RedisDecodable>(
        _ script: RedisScript, _ name: String, _ more: [any RedisArgument], keys further: [RedisKey] = [],
        _ operation: String, as type: T.Type = T.self
    ) async throws -> T {
        let arguments = try arguments(name) + more
        return try await engine.call(operation, key: keys.item(name).name) { redis throws(RedisError) in
            try await redis.evaluate(
                script, keys: keys.keys(of: name) + further, arguments: arguments, as: T.self,
                timeout: options.timeout)
        }
    }

    /// One script for several items in one round trip; the first failure is thrown.
    func evaluate(
        _ script: RedisScript, _ batch: [(keys: [RedisKey], arguments: [any RedisArgument])], _ operation: String
    ) async throws -> [RedisValue] {
        try await engine.call(operation, key: nil) { redis throws(RedisError) in
            var values: [RedisValue] = []
            for result in try await redis.evaluate(script, batch: batch, timeout: options.timeout) {
                values.append(try result.get())
            }
            return values
        }
    }
}
