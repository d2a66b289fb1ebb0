import RedisCore

/// The keys of a cache, page by page, each once, without its prefix.
///
/// Ends early for nothing: it throws `CancellationError` when its task is cancelled, `unavailable` when Redis does not
/// answer, and `undecodable` for keys of other programs that are no UTF-8.
public struct CacheScan: AsyncSequence, Sendable {
    /// A key as callers write it.
    public typealias Element = String

    let cache: RedisCache
    let pattern: String
    let pageSize: Int

    /// Starts from the beginning.
    public func makeAsyncIterator() -> AsyncIterator {
        let scan = cache.engine.redis.scan(
            match: pattern, count: pageSize, type: .string, timeout: cache.options.timeout)
        return AsyncIterator(cache: cache, scan: scan.makeAsyncIterator())
    }

    /// Reads pages and gives their keys one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let cache: RedisCache
        var scan: RedisScan.AsyncIterator

        /// The next key; nil at the end.
        public mutating func next() async throws -> String? {
            while let entry = try await nextEntry() {
                if let name = cache.keys.name(of: entry) { return name }
            }
            return nil
        }

        /// The next key as it stands in Redis.
        mutating func nextEntry() async throws -> RedisKey? {
            try cache.check()
            let isEntry = cache.keys.isEntry
            do {
                // Through the engine, so that a server that is away is not waited for again and again.
                return try await cache.engine.call("scan", key: nil) { _ throws(RedisError) in
                    while let key = try await scan.next(isolation: nil) {
                        if isEntry(key) { return key }
                    }
                    return nil
                }
            } catch let error as CacheError where (error.underlying as? RedisError)?.code == .decoding {
                throw CacheError(
                    .undecodable, operation: "scan", message: "a key that matches is no UTF-8", underlying: error)
            }
        }
    }
}
