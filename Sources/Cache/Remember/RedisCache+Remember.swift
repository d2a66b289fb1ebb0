import RedisCore

extension RedisCache {
    /// The value under a key, loaded and stored if there is none: the main way to use a cache.
    ///
    /// ```swift
    /// let user = try await cache.remember("user:7", ttl: .after(.seconds(300))) { try await db.user(7) }
    /// ```
    ///
    /// **One load.** However many call at once, in however many processes, one of them loads and the others get its
    /// value. The load runs in a task of its own: callers that are cancelled leave, it goes on, and what it brings is
    /// stored. It may take ``RememberOptions/loadLease``. What it throws, all who wait for it throw. Callers of one key
    /// give the same time to live, tags and options: those of the one who loads count.
    ///
    /// **Never behind an invalidation.** A value is not older than the last `set`, `delete`, or invalidation of a tag
    /// or namespace that was complete before the call began: loads that began earlier are neither stored nor shared.
    /// Only the time to live bounds what changed at the source without an invalidation.
    ///
    /// **When Redis does not answer** the value is loaded, once at a time in each process, after at most
    /// ``CacheOptions/timeout``, and at once while the circuit breaker is open. A stored value that cannot be read, or
    /// is of another type, counts as missing and is replaced. A value that is too large or cannot be encoded is
    /// returned and not stored.
    ///
    /// **Cost.** A hit is one round trip (MGET), two with tags that the call does not name; none in a near cache
    /// (``CacheOptions/near``), which lags behind other processes by what `docs/guarantees.md` says. A miss is three,
    /// besides the load: read, lease, store. While a load is under way a second key exists, with the lease's time to
    /// live; waiting for another process takes a subscription. (Leases after Nishtala et al., NSDI 2013.)
    ///
    /// - Parameters:
    ///   - ttl: From the moment the value is stored, shortened by ``RememberOptions/jitter``. In a cache that slides
    ///     (``CacheOptions/sliding``) from the last read, and what is shortened is its longest life.
    ///   - tags: What it is invalidated by. An entry with tags lives at most ``CacheOptions/longestTagLife``.
    ///   - options: ``CacheOptions/remember`` when nil.
    ///   - load: Gets the value from its source.
    /// - Throws: What `load` throws; `loadTimedOut`; `invalidArgument`; `unavailable` under
    ///   ``CacheFailurePolicy/closed``; `CancellationError`.
    public func remember<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await value(of: key, ttl, tags, options, "remember") { Loaded(try await load()) }
    }

    /// As ``remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``, for a source that may have no value.
    ///
    /// That there is none is remembered for ``RememberOptions/negativeTTL``.
    public func remember<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> T?
    ) async throws -> T? {
        try await recall(key, ttl, tags, options, "remember") { Loaded(try await load()) }.value
    }

    /// As ``remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``, for a loader that knows the value's life or tags.
    public func remember<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> Loaded<T>
    ) async throws -> T {
        try await value(of: key, ttl, tags, options, "remember", load)
    }

    /// As ``remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``, for a loader that knows the time to live or tags of a
    /// value that may be missing.
    public func remember<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> Loaded<T?>
    ) async throws -> T? {
        try await recall(key, ttl, tags, options, "remember", load).value
    }

    /// As `remember`, and says where the value came from: tells a stale one apart.
    public func rememberWithOrigin<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> T?
    ) async throws -> Remembered<T> {
        try await recall(key, ttl, tags, options, "remember") { Loaded(try await load()) }
    }

    /// As `remember`, and says where the value came from.
    public func rememberWithOrigin<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .default, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> Loaded<T?>
    ) async throws -> Remembered<T> {
        try await recall(key, ttl, tags, options, "remember", load)
    }
}

// MARK: - One call

extension RedisCache {
    func value<T: Codable & Sendable>(
        of key: String, _ ttl: CacheTTL, _ tags: [String], _ options: RememberOptions?, _ operation: String,
        _ load: @escaping @Sendable () async throws -> Loaded<T>
    ) async throws -> T {
        if let known = nearFound(key), let value = nearHit(known, key, T.self) { return value }
        let call = try call(key, ttl, tags, options, operation, takesNothing: false) { () -> Loaded<T?> in
            let loaded = try await load()
            var whole: Loaded<T?> = Loaded(loaded.value, ttl: loaded.ttl, tags: loaded.tags)
            whole.slides = loaded.slides
            whole.keepsStale = loaded.keepsStale
            return whole
        }
        guard let value = try await call.run().value else {
            // Such a call takes no entry without a value for a hit, and its load gives one.
            throw CacheError(.undecodable, operation: operation, message: "\(operation) got no value from its load")
        }
        return value
    }

    func recall<T: Codable & Sendable>(
        _ key: String, _ ttl: CacheTTL, _ tags: [String], _ options: RememberOptions?, _ operation: String,
        _ load: @escaping @Sendable () async throws -> Loaded<T?>
    ) async throws -> Remembered<T> {
        if let known = nearFound(key) {
            if let value = nearHit(known, key, T.self) { return Remembered(value: value, origin: .cache) }
            if nearAbsence(known, key) { return Remembered(value: nil, origin: .cache) }
        }
        return try await call(key, ttl, tags, options, operation, takesNothing: true, load).run()
    }

    private func call<T>(
        _ key: String, _ ttl: CacheTTL, _ tags: [String], _ options: RememberOptions?, _ operation: String,
        takesNothing: Bool, _ load: @escaping @Sendable () async throws -> Loaded<T?>
    ) throws(CacheError) -> RememberCall<T> {
        let entry = try entry(key, operation)
        // The cache's own were checked with it.
        try options?.check(operation)
        if self.options.sliding != nil { try SlidingExpiry.check(options, operation) }
        try CacheKeys.check(tags: tags, operation: operation)
        _ = try milliseconds(ttl, operation)
        return RememberCall(
            cache: self, entry: entry, ttl: ttl, tags: tags, terms: options ?? self.options.remember,
            operation: operation, takesNothing: takesNothing, load: load)
    }
}
