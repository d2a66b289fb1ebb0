import FoundationEssentials
import Logging
import Metrics
import RedisCore

/// What became of the cache when its source was changed; the change itself is done.
public enum CacheWriteOutcome: Sendable, Equatable {
    /// The new value is cached.
    case stored
    /// Nothing is cached: there is no value now, or others changed it or loaded it meanwhile.
    case dropped
    /// Redis did not answer: the old value may still be cached.
    case unknown
}

extension RedisCache {
    /// Changes the source of a value and then the cached value; loads and other writers cannot put an older one there.
    ///
    /// 1. The entry is deleted and its fill lease taken, so that no load that began before can land. 2. `change` runs.
    /// 3. Its value is stored if nobody else could have seen another one; else the entry is deleted once more, with the
    /// right of whoever loads to fill it. Two writers at once therefore leave a miss or the newer value, never the
    /// older one. Two round trips besides the change.
    ///
    /// - Parameters:
    ///   - ttl: As of `remember`, by ``CacheOptions/remember``: shortened by its jitter, refreshed early, kept for its
    ///     fail-safe, and with tags at most ``CacheOptions/longestTagLife``.
    ///   - lease: How long the change may take, 1 ms to an hour. Loads are not cached meanwhile and wait for it as for
    ///     another's load, so a writer that dies holds readers up for ``RememberOptions/waitForOthers`` until the lease
    ///     lapses. A change that takes longer leaves a miss.
    ///   - change: Writes to the source and returns what it holds then, nil for nothing.
    /// - Returns: What `change` returned, and what became of the cached value. With `unknown` delete the entry later,
    ///   or use a ``CachedRepository``, which does.
    /// - Throws: What `change` throws: the entry is deleted then, since nobody knows what the source holds.
    ///   `invalidArgument` before anything was done. Redis being away is no error: the change is made.
    ///
    /// **When the process dies** in between nothing old is left: the entry is gone and the lease lapses. The exception
    /// is a change that takes effect after its lease has lapsed, by a process that dies before step 3.
    /// **When the task is cancelled** `change` sees it, and step 3 is done all the same. A task that is cancelled
    /// before `change` began does not run it: the lease is given back, and `CancellationError` thrown; the entry may be
    /// deleted by then.
    public func writeThrough<T: Encodable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], lease: Duration = .seconds(30),
        _ change: () async throws -> T?
    ) async throws -> (value: T?, outcome: CacheWriteOutcome) {
        let entry = try entry(key, "writeThrough")
        try CacheKeys.check(tags: tags, operation: "writeThrough")
        let life = try NewEntry.Life(ttl, of: self, options.remember, isTagged: !tags.isEmpty, "writeThrough")
        guard lease >= .milliseconds(1), lease <= .seconds(3_600) else {
            throw CacheError(
                .invalidArgument, operation: "writeThrough", key: entry.name,
                message: "the lease is \(lease); give 1 ms to an hour")
        }
        let write = CacheWrite(cache: self, entry: entry, life: life, tags: tags)
        let began: CacheWrite.Begun?
        do {
            began = try await write.begin(lease)
        } catch {
            // Redis may have executed it: nobody shall wait for a change that is not made.
            _ = await write.finish(T?.none, nil)
            throw error
        }
        do {
            let value = try await change()
            return (value, await write.finish(value, began))
        } catch {
            _ = await write.finish(T?.none, began)
            throw error
        }
    }
}

/// One write through the cache.
private struct CacheWrite: Sendable {
    let cache: RedisCache
    let entry: RedisKey
    let life: NewEntry.Life
    let tags: [String]
    let token = FillToken()

    /// When the writer's lease was there.
    struct Begun: Sendable {
        /// By the server's clock, µs.
        let time: Int64
        let here = Moment.now
    }

    private var keys: [RedisKey] { [entry, CacheKeys.lease(of: entry), CacheKeys.writers(of: entry)] }

    /// nil when Redis is away, which does not stop the change.
    func begin(_ lease: Duration) async throws -> Begun? {
        let milliseconds = try lease.cacheMilliseconds("the lease", operation: "writeThrough")
        let sent = CacheEngine.localTime
        // Loads of this process that began before are nobody's any more, whether or not Redis heard of it.
        defer { cache.engine.flights.detach([entry]) }
        do {
            let time = try await cache.forgettingNear(entries: [entry], "writeThrough") { redis throws(RedisError) in
                try await redis.evaluate(
                    WriteScripts.begin, keys: keys, arguments: [token.text, milliseconds], as: Int64.self,
                    timeout: cache.options.timeout)
            }
            cache.engine.note(serverTime: time, sentAt: sent)
            return Begun(time: time)
        } catch let error as CacheError {
            cache.engine.logger.warning(
                "cache: a write goes to its source only", metadata: ["key": "\(entry)", "error": "\(error)"])
            return nil
        }
    }

    /// Never cancelled: the source has changed, whatever became of the caller.
    func finish<T: Encodable & Sendable>(_ value: T?, _ began: Begun?) async -> CacheWriteOutcome {
        let stored = began.flatMap { began in value.flatMap { bytes($0, began) } } ?? Data()
        let result = await Task { try await self.send(stored) }.result
        switch result {
        case .success(let isStored): return isStored ? .stored : .dropped
        case .failure(let error):
            cache.engine.logger.warning(
                "cache: what a write has changed may still be cached",
                metadata: ["key": "\(entry)", "error": "\(error)"])
            return .unknown
        }
    }

    /// nil for what cannot be stored: the source has it, and that is what counts.
    private func bytes<T: Encodable>(_ value: T, _ began: Begun) -> Data? {
        let took = Moment.now - began.here
        do throws(CacheError) {
            return try cache.pieces(
                value, tags, entry, "writeThrough", freshness: life.freshness(took: took),
                sliding: life.sliding(took: took)
            ).whole(written: began.time)
        } catch {
            cache.engine.logger.warning("cache: a written value is not cached", metadata: ["error": "\(error)"])
            return nil
        }
    }

    private func send(_ bytes: Data) async throws -> Bool {
        defer { cache.engine.flights.detach([entry]) }
        let isStored = try await cache.forgettingNear(entries: [entry], "writeThrough") { redis throws(RedisError) in
            try await redis.evaluate(
                WriteScripts.finish, keys: keys, arguments: [token.text, bytes, life.physical, cache.keys.wakeSuffix],
                as: Int64.self, timeout: cache.options.timeout) == 1
        }
        (isStored ? cache.engine.metrics.writes : cache.engine.metrics.deletes).increment()
        if isStored { cache.tell(.set, of: entry) } else { cache.tellDeleted([entry], found: nil) }
        return isStored
    }
}
