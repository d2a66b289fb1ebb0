/// `remember` under the names that people look for.
extension RedisCache {
    /// `remember` without an end: the value stays until it is deleted, invalidated or evicted.
    ///
    /// With tags it lives ``CacheOptions/longestTagLife``. A key without an end is never removed by Redis on its own:
    /// use it for what is few and known.
    public func rememberForever<T: Codable & Sendable>(
        _ key: String, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await value(of: key, .never, tags, options, "rememberForever") { Loaded(try await load()) }
    }

    /// `remember` without an end, for a source that may have no value; that is remembered for
    /// ``RememberOptions/negativeTTL`` only.
    public func rememberForever<T: Codable & Sendable>(
        _ key: String, tags: [String] = [], options: RememberOptions? = nil,
        _ load: @escaping @Sendable () async throws -> T?
    ) async throws -> T? {
        try await recall(key, .never, tags, options, "rememberForever") { Loaded(try await load()) }.value
    }

    /// `remember` with a time to live that must be given.
    ///
    /// For code that thinks in get and set; new code uses ``remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``.
    public func getOrSet<T: Codable & Sendable>(
        _ key: String, _ ttl: CacheTTL, fetch: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await value(of: key, ttl, [], nil, "getOrSet") { Loaded(try await fetch()) }
    }

    /// `remember` with a time to live that must be given, for a source that may have no value.
    public func getOrSet<T: Codable & Sendable>(
        _ key: String, _ ttl: CacheTTL, fetch: @escaping @Sendable () async throws -> T?
    ) async throws -> T? {
        try await recall(key, ttl, [], nil, "getOrSet") { Loaded(try await fetch()) }.value
    }

    /// `remember` for an hour, whatever the cache's default is.
    ///
    /// For wrapping a function's result; new code uses ``remember(_:ttl:tags:options:_:)-(_,_,_,_,()->T)``.
    public func cached<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .after(.seconds(3_600)), loader: @escaping @Sendable () async throws -> T
    ) async throws -> T {
        try await value(of: key, ttl, [], nil, "cached") { Loaded(try await loader()) }
    }

    /// `remember` for an hour, for a source that may have no value.
    public func cached<T: Codable & Sendable>(
        _ key: String, ttl: CacheTTL = .after(.seconds(3_600)), loader: @escaping @Sendable () async throws -> T?
    ) async throws -> T? {
        try await recall(key, ttl, [], nil, "cached") { Loaded(try await loader()) }.value
    }
}
