import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// The value under a key; nil when there is none.
    ///
    /// One round trip, two for an entry with tags that are not named here.
    ///
    /// - Parameter tags: Tags that the entry is expected to have.
    /// - Throws: `undecodable` for something that is not a `T`, `unavailable` under ``CacheFailurePolicy/closed`` and
    ///   from a server in cluster mode, `invalidArgument`; `CancellationError`.
    public func get<T: Decodable & Sendable>(
        _ key: String, as type: T.Type = T.self, tags: [String] = []
    ) async throws -> T? {
        if let known = nearFound(key) {
            if let value = nearHit(known, key, type) { return value }
            if nearAbsence(known, key) { return nil }
        }
        return try await getFar(key, type, tags)
    }

    /// A frame of its own: what a near hit does not need it does not pay for.
    private func getFar<T: Decodable & Sendable>(_ key: String, _ type: T.Type, _ tags: [String]) async throws -> T? {
        switch try await far(key, type, tags) {
        case .hit(let value): return value
        case .miss: return nil
        case .unavailable(let error):
            if options.failure == .open, error.mayBeMiss { return nil }
            throw error
        case .undecodable(let error): throw error
        }
    }

    /// The value under a key, or why there is none: a miss, an outage and a value that cannot be read are three things.
    ///
    /// Cost as ``get(_:as:tags:)``. Throws `invalidArgument` and `CancellationError` only.
    public func lookup<T: Decodable & Sendable>(
        _ key: String, as type: T.Type = T.self, tags: [String] = []
    ) async throws -> CacheLookup<T> {
        if let known = nearFound(key) {
            if let value = nearHit(known, key, type) { return .hit(value) }
            if nearAbsence(known, key) { return .miss }
        }
        return try await far(key, type, tags)
    }

    @inline(__always)
    private func far<T: Decodable & Sendable>(
        _ key: String, _ type: T.Type, _ tags: [String]
    ) async throws -> CacheLookup<T> {
        let entry = try entry(key, "get")
        do {
            guard nearLevel == nil else {
                return try await fetchNear(entry, tags: tags, operation: "get") { found($0, entry, type) }
            }
            let sight = try await sight(entry, tags: tags, operation: "get", slides: true)
            return found(fresh(sight.state), entry, type)
        } catch let error as CacheError where error.code == .unavailable {
            tell(.unavailable, key)
            return .unavailable(error)
        }
    }

    /// What a read answers, counted.
    func found<T: Decodable>(_ state: EntryState, _ entry: RedisKey, _ type: T.Type) -> CacheLookup<T> {
        switch state {
        case .absent, .dead:
            engine.metrics.misses.increment()
            tell(.miss, of: entry)
            return .miss
        case .damaged: return undecodable(damaged(entry), entry)
        case .present(let stored):
            do throws(CacheError) {
                guard let value = try value(of: stored, type, entry, "get") else {
                    engine.metrics.misses.increment()
                    tell(.negativeHit(.redis), of: entry)
                    return .miss
                }
                engine.metrics.hits.increment()
                tell(.hit(.redis), of: entry)
                return .hit(value)
            } catch {
                return undecodable(error, entry)
            }
        }
    }

    private func undecodable<T>(_ error: CacheError, _ entry: RedisKey) -> CacheLookup<T> {
        engine.metrics.undecodable.increment()
        tell(.undecodable, of: entry)
        return .undecodable(error)
    }

    func damaged(_ entry: RedisKey) -> CacheError {
        CacheError(
            .undecodable, operation: "get", key: entry.name,
            message: "the value is damaged, or of a newer version of this package")
    }

    /// The value of a stored entry; nil for a negative one.
    func value<T: Decodable>(
        of stored: StoredEntry, _ type: T.Type, _ entry: RedisKey, _ operation: String
    ) throws(CacheError) -> T? {
        if stored.envelope?.isNegative == true { return nil }
        guard let bytes = stored.bytes(limit: options.largestUnpacked) else { throw damaged(entry) }
        return try coder.decode(type, codec: stored.envelope?.codec, bytes, operation: operation, key: entry.name)
    }

    /// The value under a key, or another one in its place; nothing is stored.
    ///
    /// Cost and errors as ``get(_:as:tags:)``.
    public func get<T: Decodable & Sendable>(
        _ key: String, default value: @autoclosure () -> T, tags: [String] = []
    ) async throws -> T {
        try await get(key, as: T.self, tags: tags) ?? value()
    }
}

/// What a read of a cache found, with the reasons for nothing told apart.
public enum CacheLookup<Value: Sendable>: Sendable {
    /// The value.
    case hit(Value)
    /// There is none, it has been invalidated, or its source had none.
    case miss
    /// Redis did not answer, or the circuit breaker is open.
    case unavailable(CacheError)
    /// Something is there that is not a `Value`.
    case undecodable(CacheError)

    /// The value, if there is one.
    public var value: Value? {
        if case .hit(let value) = self { value } else { nil }
    }
}

extension CacheOptions {
    /// A compressed value that claims to be larger is taken for damaged: a few hundred bytes can unpack to that.
    var largestUnpacked: Int { max(maxValueBytes, 64 << 20) }
}
