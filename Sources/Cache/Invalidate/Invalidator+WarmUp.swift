import Logging
public import RedisCore

/// What became of a warm-up of many keys.
public struct WarmUpReport: Sendable {
    /// Values that were loaded and stored.
    public internal(set) var stored = 0
    /// Values that were not: somebody else loaded them, or they were changed while they were loaded.
    public internal(set) var skipped = 0
    /// What could not be loaded or stored, by key.
    ///
    /// Names as they were given, told apart by their bytes.
    public internal(set) var failures: [RedisKey: any Error] = [:]
}

extension Invalidator {
    /// Loads a value and stores it before anybody asks for it, in place of what is there.
    ///
    /// Not stored, and `false`, when somebody else is loading it, or when it was set, deleted or invalidated while it
    /// was loaded: a warm-up never puts an older value over a newer one. Three round trips.
    ///
    /// - Parameters:
    ///   - ttl: As of `remember`, by ``CacheOptions/remember``: shortened by its jitter, refreshed early, kept for its
    ///     fail-safe, and with tags at most ``CacheOptions/longestTagLife``.
    ///   - lease: How long the load may take, 1 ms to ten years; 30 s.
    /// - Throws: What `fetch` throws; `unavailable`, `invalidArgument`, `tooLarge`, `unencodable`; `CancellationError`.
    @discardableResult
    public func warmUp<T: Encodable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], lease: Duration = .seconds(30),
        _ fetch: () async throws -> T
    ) async throws -> Bool {
        try await Refresh(cache, key, ttl, tags, lease: lease).run(fetch)
    }

    /// Loads many values, some at a time, and stores them before anybody asks for them.
    ///
    /// One that fails does not stop the others. Each as ``warmUp(_:ttl:tags:lease:_:)``.
    ///
    /// - Parameter concurrency: How many are loaded at a time, 1 or more.
    /// - Throws: `invalidArgument`; `CancellationError`, when what was stored until then stays.
    public func warmUp<T: Encodable & Sendable>(
        _ keys: some Sequence<String> & Sendable, ttl: CacheTTL = .default, tags: [String] = [],
        lease: Duration = .seconds(30), concurrency: Int = 8, _ fetch: @escaping @Sendable (String) async throws -> T
    ) async throws -> WarmUpReport {
        guard concurrency >= 1 else {
            throw CacheError(
                .invalidArgument, operation: "warmUp", message: "the concurrency is \(concurrency); give 1 or more")
        }
        var report = WarmUpReport()
        await withTaskGroup(of: (String, Result<Bool, any Error>).self) { group in
            var running = 0
            for key in Set(keys.map { ExactString($0) }).map(\.text) {
                if Task.isCancelled { break }
                if running == concurrency, let ended = await group.next() {
                    report.note(ended)
                    running -= 1
                }
                group.addTask {
                    do {
                        let refresh = try Refresh(self.cache, key, ttl, tags, lease: lease)
                        return (key, .success(try await refresh.run { try await fetch(key) }))
                    } catch {
                        return (key, .failure(error))
                    }
                }
                running += 1
            }
            for await ended in group { report.note(ended) }
        }
        try Task.checkCancellation()
        return report
    }
}

extension WarmUpReport {
    fileprivate mutating func note(_ ended: (key: String, result: Result<Bool, any Error>)) {
        switch ended.result {
        case .success(true): stored += 1
        case .success(false): skipped += 1
        case .failure(let error): failures[RedisKey(ended.key)] = error
        }
    }
}
