import FoundationEssentials
import Logging
import Metrics
import RedisCore

/// A value that is loaded under the fill lease and stored in place of what is there, before anybody asks for it.
struct Refresh: Sendable {
    let cache: RedisCache
    let entry: RedisKey
    let ttl: CacheTTL
    let tags: [String]
    /// How long the load may take, ms.
    let lease: Int64
    let token = FillToken()

    init(
        _ cache: RedisCache, _ key: String, _ ttl: CacheTTL, _ tags: [String], lease: Duration
    ) throws(CacheError) {
        self.cache = cache
        entry = try cache.entry(key, Self.operation)
        _ = try cache.milliseconds(ttl, Self.operation)
        self.ttl = ttl
        self.tags = tags
        self.lease = try lease.cacheMilliseconds("the lease", operation: Self.operation)
        try CacheKeys.check(tags: tags, operation: Self.operation)
    }

    static let operation = "warmUp"

    /// False when somebody else is loading it, or set, deleted or invalidated it while it was loaded.
    func run<T: Encodable & Sendable>(_ load: () async throws -> T) async throws -> Bool {
        // The lease is granted for replacing exactly what is there now.
        let bytes = try await cache.mget([entry], Self.operation, key: entry.name)[0] ?? Data()
        let answer: FillAnswer
        do {
            answer = try await cache.acquireFill(
                entry, token, replacing: EntryPrint(bytes), lease: lease, respect: 0, Self.operation)
        } catch {
            // Redis may have granted it.
            await giveBack()
            throw error
        }
        guard case .granted(let began) = answer else { return false }
        let start = Moment.now
        do {
            let value = try await load()
            let (bytes, life) = try stored(value, written: began, took: Moment.now - start)
            // Asked at the same time: what was invalidated during the load is dead on arrival.
            async let isAlive = cache.isAlive(written: began, tags: tags, Self.operation)
            let landed = try await cache.fill(entry, token, bytes, life: life, Self.operation)
            (landed ? cache.engine.metrics.writes : cache.engine.metrics.refusedFills).increment()
            if landed { cache.tell(.set, of: entry) }
            return try await isAlive && landed
        } catch {
            await giveBack()
            throw error
        }
    }

    /// The entry and its life as `remember` would store them.
    private func stored<T: Encodable>(
        _ value: T, written: Int64, took: Duration
    ) throws(CacheError) -> (bytes: Data, life: String) {
        // That there is nothing is not served beyond its end when a load fails, nor kept by who asks.
        let isNothing = (value as? any PossiblyNothing)?.isNothing == true
        let life = try NewEntry.Life(
            ttl, of: cache, cache.options.remember, isTagged: !tags.isEmpty, keepsStale: !isNothing,
            slides: !isNothing, Self.operation)
        let pieces = try cache.pieces(
            value, tags, entry, Self.operation, freshness: life.freshness(took: took),
            sliding: life.sliding(took: took))
        return (pieces.whole(written: written), life.physical)
    }

    /// Never cancelled: others wait for the lease.
    private func giveBack() async {
        let result = await Task { try await cache.dropFill(entry, token, Self.operation) }.result
        if case .failure(let error) = result {
            cache.engine.logger.debug("cache: a lease lapses by itself", metadata: ["error": "\(error)"])
        }
    }
}
