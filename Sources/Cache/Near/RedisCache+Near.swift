import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// How the near cache is doing; nil without one.
    public var near: NearStatus? { nearLevel?.status }

    /// What the near cache knows of a key; nil when it has to be read from Redis.
    ///
    /// A hit allocates nothing: the key is put together on the stack.
    @inline(__always)
    func nearFound(_ key: String) -> NearValue? {
        guard let nearStore, let value = nearValue(key, nearStore), value.view == nearView else { return nil }
        return value
    }

    /// The value of what was found near, counted; nil for another type, or for none.
    @inline(__always)
    func nearHit<T: Sendable>(_ found: NearValue, _ key: String, _ type: T.Type) -> T? {
        guard let value = found.value(as: T.self) else { return nil }
        engine.metrics.nearHits.increment()
        tell(.hit(.near), key)
        return value
    }

    /// Whether what was found near is that there is none, counted as any answer of the near cache.
    func nearAbsence(_ found: NearValue, _ key: String) -> Bool {
        guard found.isAbsence else { return false }
        engine.metrics.nearHits.increment()
        tell(.negativeHit(.near), key)
        return true
    }

    private func nearValue(_ key: String, _ store: NearCacheStore) -> NearValue? {
        var name = KeyText.escaped(key)
        let start = keys.prefix
        return name.withUTF8 { name in
            let size = start.utf8.count + 1 + name.count
            return withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { buffer in
                var end = 0
                if !start.isEmpty {
                    var start = start
                    start.withUTF8 { buffer.copyMemory(from: UnsafeRawBufferPointer($0)) }
                    buffer[start.utf8.count] = UInt8(ascii: ":")
                    end = start.utf8.count + 1
                }
                UnsafeMutableRawBufferPointer(rebasing: buffer[end...]).copyMemory(from: UnsafeRawBufferPointer(name))
                return store.find(UnsafeRawBufferPointer(rebasing: buffer[..<(end + name.count)]))
            }
        }
    }

    /// Reads an entry with what may have invalidated it, and keeps what `decode` makes of it in the near cache.
    func fetchNear<T: Sendable>(
        _ entry: RedisKey, tags: [String], operation: String, _ decode: (EntryState) -> CacheLookup<T>
    ) async throws -> CacheLookup<T> {
        let read = nearLevel?.begin(entry)
        let sight = try await sight(entry, tags: tags, operation: operation, withLife: read != nil)
        let state = fresh(sight.state)
        let found = decode(state)
        if let read { keepNear(found, state, entry, read, life: sight.life) }
        return found
    }

    /// The same for several.
    func fetchManyNear<T: Sendable>(
        _ entries: [RedisKey], operation: String, _ decode: (EntryState, RedisKey) throws -> CacheLookup<T>
    ) async throws -> [CacheLookup<T>] {
        let reads = entries.map { nearLevel?.begin($0) }
        guard nearLevel != nil, reads.contains(where: { $0 != nil }) else {
            return try zip(await fetchMany(entries, operation: operation), entries).map { try decode($0, $1) }
        }
        let (values, lives) = try await valuesWithLives(entries + keys.epochs, of: entries, operation)
        let states = try await judgeMany(
            Array(values.prefix(entries.count)), epochs: values.latest(entries.count..<values.count), operation)
        return try entries.indices.map { index in
            let found = try decode(states[index], entries[index])
            if let read = reads[index] { keepNear(found, states[index], entries[index], read, life: lives[index]) }
            return found
        }
    }

    /// An MGET and what is left of the lives of some entries, ms, as PTTL tells it: one round trip.
    func valuesWithLives(
        _ wanted: [RedisKey], of entries: [RedisKey], _ operation: String
    ) async throws -> (values: ValueArray, lives: [Int64]) {
        // Freshness is judged by the server's clock: when that is not known, it is asked for on the way.
        let knowsTime = engine.serverTime != nil
        let sent = CacheEngine.localTime
        var commands = [RedisCommand("MGET", arguments: wanted)] + entries.map { RedisCommand("PTTL", $0) }
        if !knowsTime { commands.append(RedisCommand("TIME")) }
        let key = entries.count == 1 ? entries[0].name : nil
        let replies = try await engine.call(operation, key: key) { redis throws(RedisError) in
            let results = try await redis.pipeline(commands, timeout: options.timeout)
            var replies: [RedisValue] = []
            for result in results { replies.append(try result.get()) }
            return replies
        }
        let values = ValueArray(replies.first.map(Self.elements) ?? [])
        let lives = replies.dropFirst().prefix(entries.count).map { reply -> Int64 in
            // Without an answer it is as good as gone: it is not kept.
            if case .integer(let life) = reply { life } else { -2 }
        }
        guard values.count == wanted.count, lives.count == entries.count else {
            throw CacheError(
                .unavailable, operation: operation, key: key,
                message: "\(operation) got \(values.count) values for \(wanted.count) keys")
        }
        if !knowsTime, let time = RedisClient.microseconds(replies.last) {
            engine.note(serverTime: time, sentAt: sent)
        }
        return (values, lives)
    }

    /// Keeps a value, or that there is none, if it is certain for how long.
    func keepNear<T: Sendable>(
        _ found: CacheLookup<T>, _ state: EntryState, _ entry: RedisKey, _ read: NearLevel.Read, life: Int64?
    ) {
        // −2: gone meanwhile; −1: no end.
        guard let nearLevel, case .present(let stored) = state, let life, life >= -1, let fresh = freshTime(stored)
        else { return }
        let value: NearValue
        switch found {
        case .hit(let hit): value = NearBox(hit, view: nearView)
        case .miss: value = NearAbsence(view: nearView)
        case .unavailable, .undecodable: return
        }
        let groups = keys.epochs.map(\.name) + (stored.envelope?.tags ?? []).map { keys.tag($0).name }
        nearLevel.keep(
            value, of: entry, read, life: life < 0 ? fresh : min(life, fresh ?? life), size: stored.fullSize,
            groups: groups)
    }

    /// For how long, ms, a value counts as fresh, less the last fifth, in which a reader refreshes it.
    ///
    /// `.some(nil)` for one that does so as long as it is there; nil when it cannot be told.
    private func freshTime(_ stored: StoredEntry) -> Int64?? {
        guard let envelope = stored.envelope, let freshness = envelope.freshness else { return .some(nil) }
        guard let now = engine.serverTime else { return nil }
        // What another program wrote may say anything.
        let (end, isTooLate) = envelope.written.addingReportingOverflow(freshness.freshFor / 5 * 4)
        guard !isTooLate, end > now else { return nil }
        let (left, isTooLong) = end.subtractingReportingOverflow(now)
        return isTooLong ? nil : .some(left / 1_000)
    }

    // MARK: Writing

    /// Sends what changes entries, or the stamps of tags and namespaces; what was near of them is forgotten before it
    /// is sent and after it is answered.
    ///
    /// Every write passes here: what a task wrote it reads, in this process at once.
    func forgettingNear<T>(
        entries: [RedisKey] = [], groups: [RedisKey] = [], _ operation: String,
        _ body: (RedisClient) async throws(RedisError) -> T
    ) async throws -> T {
        let key = entries.count == 1 ? entries[0].name : nil
        guard let near = engine.nearLevels.existing(keys.root) else {
            return try await engine.call(operation, key: key, body)
        }
        near.forget(entries: entries, groups: groups)
        // Also when it failed: it may have been done all the same.
        defer { near.forget(entries: entries, groups: groups) }
        do {
            let value = try await engine.call(operation, key: key, body)
            near.tell(entries: entries, groups: groups)
            return value
        } catch {
            if Self.mayHaveBeenDone(error) { near.tell(entries: entries, groups: groups) }
            throw error
        }
    }

    private static func mayHaveBeenDone(_ error: any Error) -> Bool {
        if error is CancellationError { return true }
        return ((error as? CacheError)?.underlying as? RedisError)?.wasWritten ?? false
    }
}
