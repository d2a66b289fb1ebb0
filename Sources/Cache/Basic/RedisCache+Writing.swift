import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// Stores a value, whatever was there.
    ///
    /// One round trip, safe to repeat. A load that is on its way into this key does not land any more.
    ///
    /// - Parameters:
    ///   - ttl: From the moment the server writes it; of a cache that slides (``CacheOptions/sliding``) from the last
    ///     read too, and `.never` for an entry that does not slide.
    ///   - tags: What it is invalidated by: at most 64, each 1 to 255 bytes. An entry with tags lives at most
    ///     ``CacheOptions/longestTagLife``.
    /// - Throws: `tooLarge`, `unencodable`, `invalidArgument`, `unavailable`; `CancellationError`. The old value may
    ///   still be there then.
    public func set<T: Encodable & Sendable>(
        _ key: String, _ value: T, ttl: CacheTTL = .default, tags: [String] = []
    ) async throws {
        let entry = try entry(key, "set")
        let life = try life(ttl, tags, "set")
        let pieces = try pieces(value, tags, entry, "set", sliding: life.sliding)
        let isStored = try await write(entry, "set") { redis throws(RedisError) in
            try await redis.evaluate(
                CacheScripts.set(isConditional: false), keys: [entry, CacheKeys.lease(of: entry)],
                arguments: [pieces.head, pieces.tail, life.text, "", keys.wakeSuffix], as: Int64.self,
                timeout: options.timeout)
        }
        if isStored { tell(.set, key) }
    }

    /// Stores a value if its key has one; true if it did.
    ///
    /// Two round trips, one when there is none, and one more for an entry with tags. A change in between makes it look
    /// again, at most eight times. Not repeated when a reply is lost: the error says so. What is invalidated after the
    /// value was found invalidates the new one as well.
    ///
    /// - Throws: `conflict` when the entry changed eight times and was still there; else as ``set(_:_:ttl:tags:)``.
    public func replace<T: Encodable & Sendable>(
        _ key: String, _ value: T, ttl: CacheTTL = .default, tags: [String] = []
    ) async throws -> Bool {
        let entry = try entry(key, "replace")
        let life = try life(ttl, tags, "replace")
        for _ in 0..<Self.mostLooks {
            let seen = try await fetchDated(entry, operation: "replace")
            guard seen.state.isPresent, let bytes = seen.bytes else { return false }
            let pieces = try pieces(value, tags, entry, "replace", sliding: life.sliding)
            // Since it was seen: an invalidation that was complete before the write is not undone by it.
            if try await swap(entry, bytes, pieces, life.text, "replace", written: seen.at) { return true }
        }
        throw rewritten(entry, "replace")
    }

    /// A script that answers the server's time if it wrote, or deleted, −1 if not.
    func write(
        _ entry: RedisKey, _ operation: String, deletes: Bool = false,
        _ script: (RedisClient) async throws(RedisError) -> Int64
    ) async throws -> Bool {
        let sent = CacheEngine.localTime
        let time = try await change([entry], operation, script)
        guard time >= 0 else { return false }
        engine.note(serverTime: time, sentAt: sent)
        (deletes ? engine.metrics.deletes : engine.metrics.writes).increment()
        return true
    }

    /// Stores several values at once, all of them or none, in one round trip.
    ///
    /// One transaction, repeated when its reply was lost: others see all of them or none, and a failure leaves all of
    /// them done or none. The server does nothing else meanwhile: some thousands are enough for one call. On a cluster
    /// all keys must be in one slot. Errors as ``set(_:_:ttl:tags:)``.
    public func setMany<T: Encodable & Sendable>(
        _ values: [String: T], ttl: CacheTTL = .default, tags: [String] = []
    ) async throws {
        try check()
        guard !values.isEmpty else { return }
        let life = try life(ttl, tags, "setMany")
        var batch: [(keys: [RedisKey], arguments: [any RedisArgument])] = []
        batch.reserveCapacity(values.count)
        for (key, value) in values {
            let entry = try keys.entry(key, operation: "setMany")
            let pieces = try pieces(value, tags, entry, "setMany", sliding: life.sliding)
            batch.append(
                ([entry, CacheKeys.lease(of: entry)], [pieces.head, pieces.tail, life.text, "", keys.wakeSuffix]))
        }
        try await runAtOnce(CacheScripts.set(isConditional: false), batch, "setMany")
        engine.metrics.writes.increment(by: Int64(values.count))
        if probe != nil { for key in values.keys { tell(.set, key) } }
    }

    /// Deletes entries; how many there were.
    ///
    /// One round trip; no keys, none. Loads that are on their way into these keys do not land any more. Deleting twice
    /// is deleting once, but the count of a repeated call may be too low.
    ///
    /// - Throws: `unavailable`: the entries may still be there; when the server refuses to delete some of several, the
    ///   others are deleted, and `isEffectUnknown` is true. `invalidArgument`; `CancellationError`.
    @discardableResult
    public func delete(_ keys: String...) async throws -> Int { try await deleteMany(keys) }

    /// Deletes entries; how many there were.
    ///
    /// As ``delete(_:)``.
    @discardableResult
    public func deleteMany(_ names: some Sequence<String> & Sendable) async throws -> Int {
        try await delete(entries: distinct(names, "delete").map(\.entry))
    }

    func delete(entries: [RedisKey]) async throws -> Int {
        let batch: [(keys: [RedisKey], arguments: [any RedisArgument])] = entries.map { entry in
            ([entry, CacheKeys.lease(of: entry)], [keys.wakeSuffix])
        }
        guard !batch.isEmpty else { return 0 }
        let results = try await run(CacheScripts.delete, batch, "delete")
        engine.metrics.deletes.increment(by: Int64(batch.count))
        let found = results.reduce(0) { count, value in
            if case .integer(let deleted) = value { count + Int(deleted) } else { count }
        }
        tellDeleted(entries, found: found)
        return found
    }

    /// Every change of entries passes here: loads that began before it are not shared by callers that come after.
    func change<T>(
        _ entries: [RedisKey], _ operation: String, _ body: (RedisClient) async throws(RedisError) -> T
    ) async throws -> T {
        defer { engine.flights.detach(entries) }
        return try await forgettingNear(entries: entries, operation, body)
    }

    /// One script for several entries in one round trip; the first failure is thrown, and says so if others were done.
    @discardableResult
    func run(
        _ script: RedisScript, _ batch: [(keys: [RedisKey], arguments: [any RedisArgument])], _ operation: String
    ) async throws -> [RedisValue] {
        try await change(batch.map { $0.keys[0] }, operation) { redis throws(RedisError) in
            try await redis.evaluate(script, batch: batch, timeout: options.timeout).allDone()
        }
    }

    /// The same as a transaction: all of it or nothing.
    private func runAtOnce(
        _ script: RedisScript, _ batch: [(keys: [RedisKey], arguments: [any RedisArgument])], _ operation: String
    ) async throws {
        func commands(first: String, _ text: String) -> [RedisCommand] {
            batch.enumerated().map { index, call in
                let head: [any RedisArgument] = [index == 0 ? text : script.sha, call.keys.count]
                return RedisCommand(index == 0 ? first : "EVALSHA", arguments: head + call.keys + call.arguments)
                    .safeToRepeat(script.isSafeToRepeat)
            }
        }
        try await change(batch.map { $0.keys[0] }, operation) { redis throws(RedisError) in
            var results = try await redis.transaction(commands(first: "EVALSHA", script.sha), timeout: options.timeout)
            // Without the script all of them failed: the first one brings it for the others.
            if case .failure(let earlier) = results.first, earlier.code == .noScript {
                let whole = commands(first: "EVAL", script.source)
                do throws(RedisError) {
                    results = try await redis.transaction(whole, timeout: options.timeout)
                } catch {
                    throw error.keepingDoubt(of: earlier)
                }
                results = results.map { $0.mapError { $0.keepingDoubt(of: earlier) } }
            }
            _ = try results.allDone()
        }
    }
}

// MARK: - What is written

extension RedisCache {
    /// A value as an entry, within the guard.
    func pieces<T: Encodable>(
        _ value: T, _ tags: [String], _ entry: RedisKey, _ operation: String,
        freshness: Envelope.Freshness? = nil, sliding: Envelope.Sliding? = nil
    ) throws(CacheError) -> Envelope.Pieces {
        try CacheKeys.check(tags: tags, operation: operation)
        let payload = try coder.encode(value, operation: operation, key: entry.name)
        guard payload.bytes.count <= options.maxValueBytes else {
            throw CacheError(
                .tooLarge, operation: operation, key: entry.name,
                message: "the value has \(payload.bytes.count) bytes; the cache takes \(options.maxValueBytes)")
        }
        let envelope = Envelope(
            codec: payload.codec, schema: options.schema, sliding: sliding, freshness: freshness, tags: tags)
        return envelope.pieces(payload.bytes, options.compression)
    }

    /// What a time to live means for an entry.
    func life(_ ttl: CacheTTL, _ tags: [String], _ operation: String) throws(CacheError) -> EntryLife {
        let milliseconds = try milliseconds(meant(ttl), operation)
        var most = Int64.max
        if !tags.isEmpty {
            most = try options.longestTagLife.cacheMilliseconds("the longest life of a tag", operation: operation)
            guard let milliseconds, milliseconds <= most else {
                throw CacheError(
                    .invalidArgument, operation: operation,
                    message: "an entry with tags must end within \(options.longestTagLife), as tags are forgotten then")
            }
        }
        guard let sliding = options.sliding, let milliseconds else { return .fixed(milliseconds) }
        return .sliding(idle: milliseconds, upTo: min(most, sliding.upTo.wholeMilliseconds))
    }
}
