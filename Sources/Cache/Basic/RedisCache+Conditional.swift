import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// Takes a value out: gives it and deletes its entry, as one step.
    ///
    /// One round trip, two for an entry with tags. Of several callers one gets it. Not repeated when its reply is lost:
    /// the value is then gone unseen.
    ///
    /// - Throws: `undecodable`: the entry is deleted all the same; so it is when only what this reads beside it is
    ///   refused, or gets no answer, which `isEffectUnknown` says. `unavailable`, `invalidArgument`;
    ///   `CancellationError`.
    public func getAndDelete<T: Decodable & Sendable>(_ key: String, as type: T.Type = T.self) async throws -> T? {
        let entry = try entry(key, "getAndDelete")
        let lease = CacheKeys.lease(of: entry)
        // The lease first: whoever loads after that reads the source after this call began.
        let commands = [
            RedisCommand("DEL", lease), RedisCommand("PUBLISH", lease.name + keys.wakeSuffix, ""),
            RedisCommand("MGET", arguments: keys.epochs), RedisCommand("GETDEL", entry),
        ]
        let (stamps, taken) = try await change([entry], "getAndDelete") { redis throws(RedisError) in
            let replies = try await redis.pipeline(commands, timeout: options.timeout)
            guard case .bytes(let bytes) = try replies[3].get() else { return (RedisValue.null, nil as [UInt8]?) }
            // The wake is a hint: those who wait look again by themselves. Without the others the value is not known
            // to count, or a load may still land, and it is deleted all the same.
            if case .failure(let error) = replies[0] { throw error.besideChange }
            do throws(RedisError) { return (try replies[2].get(), bytes) } catch { throw error.besideChange }
        }
        guard let bytes = taken else {
            engine.metrics.misses.increment()
            tell(.miss, key)
            return nil
        }
        engine.metrics.deletes.increment()
        tellDeleted([entry], found: 1)
        let epochs = ValueArray(Self.elements(of: stamps)).latest()
        let judged: EntryState
        do {
            judged = try await judge(ValueArray([Data(bytes)]), epochs: epochs, tagStamps: [:], "getAndDelete")
        } catch let error as CacheError {
            throw error.afterChange
        }
        // It is deleted already: in doubt about the time it is given out.
        let state = engine.judgingTime == nil ? judged : fresh(judged)
        switch found(state, entry, type) {
        case .hit(let value): return value
        case .undecodable(let error): throw error
        case .miss, .unavailable: return nil
        }
    }

    /// Stores a value if the present one equals another; true if it did.
    ///
    /// Two round trips, one when they are not equal, and one more for an entry with tags: which values are equal is for
    /// the type to say, and whether the entry counts at all depends on stamps that lie elsewhere. A change in between
    /// makes it look again, at most eight times. Not repeated when a reply is lost. What is invalidated after the value
    /// was compared invalidates the new one as well. For "there is none" as ``add(_:_:ttl:tags:)``.
    ///
    /// Values are compared as they are read back: what the serializer rounds, as JSON a date to whole microseconds,
    /// makes no difference.
    ///
    /// - Parameters:
    ///   - expected: nil for "there is none".
    ///   - ttl: nil keeps what is left of the present one: of its freshness, if it was remembered with one; and its
    ///     idle time and last end, if it slides.
    /// - Throws: `conflict` when the entry changed eight times but stayed equal; else as ``set(_:_:ttl:tags:)``.
    public func compareAndSet<T: Codable & Sendable & Equatable>(
        _ key: String, expected: T?, new value: T, ttl: CacheTTL? = nil, tags: [String] = []
    ) async throws -> Bool {
        guard let expected else { return try await add(key, value, ttl: ttl ?? .default, tags: tags) }
        let entry = try entry(key, "compareAndSet")
        let life: EntryLife? = if let ttl { try self.life(ttl, tags, "compareAndSet") } else { nil }
        let pieces = try pieces(value, tags, entry, "compareAndSet", sliding: life?.sliding)
        let most = tags.isEmpty ? nil : options.longestTagLife.wholeMilliseconds
        return try await exchange(entry, expected, "compareAndSet") { seen in
            if let life {
                return try await swap(entry, seen.bytes, pieces, life.text, "compareAndSet", written: seen.at)
            }
            let kept = seen.kept(atMost: most)
            let pieces =
                kept.sliding == nil
                ? pieces : try self.pieces(value, tags, entry, "compareAndSet", sliding: kept.sliding)
            return try await swap(
                entry, seen.bytes, pieces, kept.life, "compareAndSet", written: seen.at, most: kept.most)
        }
    }

    /// Deletes an entry if its value equals another; true if it did.
    ///
    /// As ``compareAndSet(_:expected:new:ttl:tags:)``.
    public func compareAndDelete<T: Codable & Sendable & Equatable>(_ key: String, expected: T) async throws -> Bool {
        let entry = try entry(key, "compareAndDelete")
        return try await exchange(entry, expected, "compareAndDelete") { seen in
            try await swap(entry, seen.bytes, nil, "", "compareAndDelete")
        }
    }

    /// An entry that was compared.
    private struct Compared {
        let bytes: Data
        /// The server's time, µs, when it was read, or a little earlier.
        let at: Int64
        /// What is left of its freshness then, ms; nil for an entry without.
        let freshness: Int64?
        /// What is left of a life that reads renew; nil for an entry without.
        let sliding: Envelope.Sliding?

        /// What a new value keeps of its life, as ``swap(_:_:_:_:_:written:most:)`` takes it; `most` in ms.
        func kept(atMost most: Int64?) -> (life: String, most: String, sliding: Envelope.Sliding?) {
            if var sliding {
                // The end that nothing moves is the old value's.
                sliding.span = min(sliding.span, most.map { $0 * 1_000 } ?? .max)
                return ("keep", "\(max(1, sliding.span / 1_000))", sliding)
            }
            let life = freshness.map { "\(min($0, most ?? $0))" } ?? "keep"
            return (life, most.map { "\($0)" } ?? "", nil)
        }
    }

    private func exchange<T: Codable & Sendable & Equatable>(
        _ entry: RedisKey, _ expected: T, _ operation: String, _ attempt: (Compared) async throws -> Bool
    ) async throws -> Bool {
        for _ in 0..<Self.mostLooks {
            let (state, bytes, at) = try await fetchDated(entry, operation: operation)
            guard let bytes, case .present(let stored) = state else { return false }
            guard let found = try value(of: stored, T.self, entry, operation) else { return false }
            // A value that was never stored may have what storing rounds; only then it has to be coded.
            guard found == expected || found == readBack(expected, entry, operation) else { return false }
            var left: Int64?
            var sliding: Envelope.Sliding?
            if let envelope = stored.envelope {
                left = envelope.freshness.map { ($0.freshFor - max(0, at - envelope.written)) / 1_000 }
                sliding = envelope.sliding?.left(of: envelope.written, at: at)
                if envelope.sliding != nil, sliding == nil { return false }
            }
            // It ends within this millisecond.
            if let left, left <= 0 { return false }
            if try await attempt(Compared(bytes: bytes, at: at, freshness: left, sliding: sliding)) { return true }
        }
        throw rewritten(entry, operation)
    }

    /// A value as it would be read if it were stored; nil for one that cannot be.
    private func readBack<T: Codable>(_ value: T, _ entry: RedisKey, _ operation: String) -> T? {
        guard let payload = try? coder.encode(value, operation: operation, key: entry.name) else { return nil }
        return try? coder.decode(
            T.self, codec: payload.codec, payload.bytes, operation: operation, key: entry.name)
    }

    /// A change that depends on what is there looks so often.
    static let mostLooks = 8

    func rewritten(_ entry: RedisKey, _ operation: String) -> CacheError {
        CacheError(
            .conflict, operation: operation, key: entry.name,
            message: "\(entry.name) was rewritten eight times meanwhile; try again later")
    }

    /// Replaces or deletes an entry if its bytes are still these.
    ///
    /// The new one counts since `written`, µs of the server's time, or since it is written; `most` bounds what a life
    /// of `keep` keeps, ms.
    func swap(
        _ entry: RedisKey, _ bytes: Data, _ new: Envelope.Pieces?, _ life: String, _ operation: String,
        written: Int64? = nil, most: String = ""
    ) async throws -> Bool {
        let isDone = try await write(entry, operation, deletes: new == nil) { redis throws(RedisError) in
            try await redis.evaluate(
                CacheScripts.swap, keys: [entry, CacheKeys.lease(of: entry)],
                arguments: [
                    bytes, new?.head ?? Data(), new?.tail ?? Data(), life, keys.wakeSuffix,
                    written.map { "\($0)" } ?? "", most,
                ], as: Int64.self, timeout: options.timeout)
        }
        guard isDone else { return false }
        if new == nil { tellDeleted([entry], found: 1) } else { tell(.set, of: entry) }
        return true
    }
}
