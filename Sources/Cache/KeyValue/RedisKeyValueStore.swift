import Metrics
public import RedisCore

/// A key-value store in Redis: `users` and `123` are the Redis key `users:123`.
///
/// Entries are those of a ``RedisCache`` with the same prefix, which is at hand as ``cache`` for what a store does not
/// do; a plain value that another program stored is read as text or JSON. Values from 1 KiB on are compressed.
///
/// **Cost.** One round trip each; `keys` one for 500 keys that the database has, with SCAN, so that the server goes on
/// meanwhile. **When a reply is lost** set, find, delete and keys are repeated, which changes nothing. **When Redis
/// does not answer** a call takes at most its timeout and throws `unavailable`; after five failures in a row, shared
/// with all caches of the client, at once. **After a restart or a failover** the store has what Redis kept.
public struct RedisKeyValueStore: KeyValueStore {
    /// The same entries as a cache.
    public let cache: RedisCache
    /// The client, for whatever else; it belongs to whoever made it.
    public let redis: RedisClient
    /// What its keys begin with, before a colon.
    public let prefix: String

    /// Commands that delete so many keys each are short enough for others to come between.
    static let keysPerCommand = 500

    /// A store on one server; nothing is sent.
    ///
    /// What cannot work is thrown as `invalidArgument` by every call.
    ///
    /// - Parameters:
    ///   - prefix: Two stores with different prefixes share no key, unless one prefix is the other's first level.
    ///   - defaultTTL: What `.default` means, 1 ms to ten years or `.never`.
    ///   - serializer: Turns values other than text and bytes into bytes.
    ///   - compression: What is compressed.
    ///   - maxValueBytes: Larger values are refused, 1 byte to 512 MiB.
    ///   - timeout: How long a call, or one page of `keys`, waits for Redis, 1 ms to 24 hours.
    ///   - observer: Hears what the store does; nil for nobody.
    public init(
        _ redis: RedisClient, prefix: String = "kv", defaultTTL: CacheTTL = .never,
        serializer: any CacheSerializer = .json, compression: CacheCompression = .default,
        maxValueBytes: Int = 1 << 20, timeout: Duration = .seconds(1), observer: CacheObserver? = nil
    ) {
        let options = CacheOptions(
            defaultTTL: defaultTTL, serializer: serializer, compression: compression, maxValueBytes: maxValueBytes,
            timeout: timeout, failure: .closed, observer: observer)
        cache = RedisCache(redis, prefix: prefix, options: options)
        self.redis = redis
        self.prefix = prefix
    }

    /// Stores a value; one round trip.
    public func set<T: Encodable & Sendable>(_ key: String, _ value: T, ttl: CacheTTL) async throws {
        try await cache.set(key, value, ttl: ttl)
    }

    /// The value under a key; one round trip.
    public func find<T: Decodable & Sendable>(_ key: String, as type: T.Type) async throws -> T? {
        try await cache.get(key, as: type)
    }

    /// Deletes keys, 500 with each command and all in one round trip.
    ///
    /// As `RedisCache`, it first ends the fill leases: a `remember` that began before cannot bring a value back.
    @discardableResult
    public func deleteKeys(_ keys: [String]) async throws -> Int {
        try cache.check()
        let entries = try keys.map { key throws(CacheError) in try cache.keys.entry(key, operation: "delete") }
        guard !entries.isEmpty else { return 0 }
        let chunks = stride(from: 0, to: entries.count, by: Self.keysPerCommand).map { start in
            Array(entries[start..<min(start + Self.keysPerCommand, entries.count)])
        }
        let commands = chunks.flatMap { chunk in [chunk.map(CacheKeys.lease), chunk].map(Self.unlink) }
        let counts: [Int]
        do {
            counts = try await cache.counts(of: commands, changing: entries, "delete")
        } catch let error as CacheError where (error.underlying as? RedisError)?.code == .crossSlot {
            // In a cluster every key goes alone. A chunk of one key is done already, and not counted.
            return try await cache.delete(entries: entries)
        }
        let waiting = chunks.indices.filter { counts[2 * $0] > 0 }.flatMap { chunks[$0] }
        await cache.wake(waitingFor: waiting)
        cache.engine.metrics.deletes.increment(by: Int64(entries.count))
        let found = chunks.indices.reduce(0) { $0 + counts[2 * $1 + 1] }
        cache.tellDeleted(entries, found: found)
        return found
    }

    private static func unlink(_ keys: [RedisKey]) -> RedisCommand {
        RedisCommand("UNLINK", arguments: keys).safeToRepeat()
    }

    /// The keys that are meant, by SCAN; one round trip for 500 keys that the database has.
    ///
    /// All found keys are held in memory. Keys of other types than values are left out; one that is not UTF-8 is
    /// `undecodable`.
    public func keys(matching pattern: CachePattern) async throws -> [String] {
        try cache.check()
        let (names, timeout) = (cache.keys, cache.options.timeout)
        do {
            return try await cache.engine.call("keys", key: nil) { redis throws(RedisError) in
                var found: [String] = []
                for try await entry in redis.scan(match: names.matching(pattern), type: .string, timeout: timeout) {
                    if let name = names.name(of: entry) { found.append(name) }
                }
                return found
            }
        } catch let error as CacheError where (error.underlying as? RedisError)?.code == .decoding {
            throw CacheError(
                .undecodable, operation: "keys", message: "a key that matches is no UTF-8; narrow the pattern",
                underlying: error.underlying)
        }
    }
}

extension RedisCache {
    /// Sends commands that change entries and answer with a count; the first failure is thrown.
    fileprivate func counts(
        of commands: [RedisCommand], changing entries: [RedisKey], _ operation: String
    ) async throws -> [Int] {
        try await change(entries, operation) { redis throws(RedisError) in
            try await redis.pipeline(commands, timeout: options.timeout).map { result throws(RedisError) in
                if case .integer(let count) = try result.get() { Int(count) } else { 0 }
            }
        }
    }

    /// Tells those who wait for a load of these entries that it will not land.
    ///
    /// They would find out by themselves when its lease is over, so a failure delays them and is no error.
    fileprivate func wake(waitingFor entries: [RedisKey]) async {
        guard !entries.isEmpty else { return }
        var pipeline = RedisPipeline(expecting: entries.count)
        for entry in entries { pipeline.publish("", to: CacheKeys.lease(of: entry).name + keys.wakeSuffix) }
        _ = try? await engine.redis.pipeline(pipeline, timeout: options.timeout)
    }
}
