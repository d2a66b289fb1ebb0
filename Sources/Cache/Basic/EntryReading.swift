import FoundationEssentials
import RedisCore

/// What a read of one entry found.
enum EntryState: Sendable {
    case absent
    /// There is something, but it counts as missing: invalidated by a tag or its namespace, of another schema, or no
    /// longer fresh.
    case dead(StoredEntry)
    case present(StoredEntry)
    /// Bytes that pretend to be an entry and are none.
    case damaged

    /// A remembered absence is no value.
    var isPresent: Bool {
        guard case .present(let entry) = self else { return false }
        return entry.envelope?.isNegative != true
    }
}

/// One reading of one entry.
struct EntrySight: Sendable {
    let state: EntryState
    /// The entry, then stamps.
    fileprivate let replies: ValueArray
    /// What PTTL says, ms; nil when it was not asked.
    var life: Int64?

    /// As stored; nil for none.
    var bytes: Data? { replies[0] }
}

extension RedisCache {
    /// Reads one entry with what may have invalidated it: one MGET.
    ///
    /// `tags` are those that the entry is expected to have; tags it has besides cost a second round trip. Values that
    /// may only be served in an emergency count as present: see ``fresh(_:)``.
    ///
    /// `withLife` asks for what is left of its life in the same round trip; `slides` renews one that slides.
    func sight(
        _ entry: RedisKey, tags: [String] = [], operation: String, withLife: Bool = false, slides: Bool = false
    ) async throws -> EntrySight {
        let wanted = [entry] + keys.epochs + tags.map(keys.tag)
        let replies: ValueArray
        var life: Int64?
        if withLife {
            let found = try await valuesWithLives(wanted, of: [entry], operation)
            (replies, life) = (found.values, found.lives[0])
        } else if slides, options.sliding != nil {
            replies = try await renewingValues([entry], wanted.dropFirst(), operation)
        } else {
            replies = try await mget(wanted, operation, key: entry.name)
        }
        let epochs = replies.latest(1..<keys.epochs.count + 1)
        var known: [ExactString: Int64] = [:]
        for (index, tag) in tags.enumerated() { known[ExactString(tag)] = replies.stamp(1 + keys.epochs.count + index) }
        let state = try await judge(replies, epochs: epochs, tagStamps: known, operation)
        return EntrySight(state: state, replies: replies, life: life)
    }

    /// Whether nothing that a value depends on was invalidated at `written` or later.
    func isAlive(written: Int64, tags: [String], _ operation: String) async throws -> Bool {
        let stamps = try await mget(keys.epochs + tags.map(keys.tag), operation, key: nil)
        return stamps.latest(0..<stamps.count) < written
    }

    /// Beyond its freshness an entry is there only for `remember` to fall back on.
    func fresh(_ state: EntryState) -> EntryState {
        guard case .present(let entry) = state, let age = EntryAge(entry.envelope) else { return state }
        return age.isFresh(at: engine.judgingTime) ? state : .dead(entry)
    }

    /// Reads many entries: one MGET, and one more if some have tags.
    func fetchMany(_ entries: [RedisKey], operation: String) async throws -> [EntryState] {
        let replies = try await mget(entries + keys.epochs, operation, key: nil)
        return try await judgeMany(
            Array(replies.prefix(entries.count)), epochs: replies.latest(entries.count..<replies.count), operation)
    }

    /// What replies of several entries are worth: one MGET if some have tags.
    func judgeMany(_ replies: [Data?], epochs: Int64, _ operation: String) async throws -> [EntryState] {
        let stored = replies.map { $0.map(StoredEntry.init) }
        let tags = Set(stored.flatMap { $0??.envelope?.tags ?? [] }.map { ExactString($0) })
        let stamps = try await stamps(of: tags, operation)
        return stored.map { found in
            guard let found else { return .absent }
            guard let entry = found else { return .damaged }
            return fresh(verdict(entry, epochs: epochs, stamps))
        }
    }

    /// What the first of some replies, that of an entry, is worth.
    func judge(
        _ replies: ValueArray, epochs: Int64, tagStamps: [ExactString: Int64], _ operation: String
    ) async throws -> EntryState {
        let found = replies.read { replies in replies[0].map { StoredEntry($0) } }
        guard let found else { return .absent }
        guard let entry = found else { return .damaged }
        guard let tags = entry.envelope?.tags, !tags.isEmpty else { return verdict(entry, epochs: epochs, tagStamps) }
        let more = try await stamps(of: Set(tags.map { ExactString($0) }).subtracting(tagStamps.keys), operation)
        return verdict(entry, epochs: epochs, tagStamps.merging(more, uniquingKeysWith: max))
    }

    /// A value that was true at a time is dead if something it depends on was invalidated then or later.
    private func verdict(_ entry: StoredEntry, epochs: Int64, _ tagStamps: [ExactString: Int64]) -> EntryState {
        guard let envelope = entry.envelope else { return .present(entry) }
        return isDead(envelope, epochs, tagStamps) ? .dead(entry) : .present(entry)
    }

    func isDead(_ envelope: Envelope, _ epochs: Int64, _ tagStamps: [ExactString: Int64]) -> Bool {
        !options.reads(schema: envelope.schema) || envelope.written <= epochs
            || envelope.tags.contains { envelope.written <= tagStamps[ExactString($0)] ?? 0 }
    }

    /// When tags were last invalidated, µs; 0 for never, or longer ago than that is remembered.
    func stamps(of tags: Set<ExactString>, _ operation: String) async throws -> [ExactString: Int64] {
        guard !tags.isEmpty else { return [:] }
        let tags = Array(tags)
        let replies = try await mget(tags.map { keys.tag($0.text) }, operation, key: nil)
        return Dictionary(uniqueKeysWithValues: zip(tags, tags.indices.map(replies.stamp)))
    }

    /// An entry as it was at some moment after the server's time `at`, µs, for a change that depends on it.
    ///
    /// What is invalidated after the read is invalidated after `at`: one round trip, two for an entry with tags.
    func fetchDated(
        _ entry: RedisKey, operation: String
    ) async throws -> (state: EntryState, bytes: Data?, at: Int64) {
        let (replies, time) = try await mget([entry] + keys.epochs, operation, key: entry.name, withTime: true)
        guard let time else {
            throw CacheError(
                .unavailable, operation: operation, key: entry.name, message: "Redis did not tell its time")
        }
        let state = try await judge(
            replies, epochs: replies.latest(1..<replies.count), tagStamps: [:], operation)
        return (fresh(state), replies[0], time)
    }

    func mget(_ keys: [RedisKey], _ operation: String, key: String?) async throws -> ValueArray {
        // Freshness is judged by the server's clock: when that is not known, it is asked for on the way.
        guard engine.serverTime != nil else { return try await mget(keys, operation, key: key, withTime: true).values }
        let replies = try await engine.values(of: keys, operation, key: key, timeout: options.timeout)
        return try checked(replies, keys.count, operation, key: key)
    }

    private func mget(
        _ keys: [RedisKey], _ operation: String, key: String?, withTime: Bool
    ) async throws -> (values: ValueArray, time: Int64?) {
        try await mget(keys.count, operation, key: key) { redis throws(RedisError) in
            guard withTime else { return (try await redis.values(of: keys, timeout: options.timeout), nil) }
            return try await redis.valuesAndTime(RedisCommand("MGET", arguments: keys), timeout: options.timeout)
        }
    }

    /// MGET of many entries by their escaped names, then of the stamps of this cache and those around it.
    func mgetMany(_ names: [String], _ operation: String) async throws -> ValueArray {
        let withTime = engine.serverTime == nil
        return try await mget(names.count + keys.epochs.count, operation, key: nil) { redis throws(RedisError) in
            guard withTime else {
                let values = try await redis.values(
                    prefix: keys.start, names: names, others: keys.epochs, timeout: options.timeout)
                return (values, nil)
            }
            let wanted = names.map { RedisKey(keys.start + $0) } + keys.epochs
            return try await redis.valuesAndTime(RedisCommand("MGET", arguments: wanted), timeout: options.timeout)
        }.values
    }

    private func mget(
        _ count: Int, _ operation: String, key: String?,
        _ ask: (RedisClient) async throws(RedisError) -> (ValueArray, Int64?)
    ) async throws -> (values: ValueArray, time: Int64?) {
        let sent = CacheEngine.localTime
        let (replies, time) = try await engine.call(operation, key: key, ask)
        if let time { engine.note(serverTime: time, sentAt: sent) }
        return (try checked(replies, count, operation, key: key), time)
    }

    private func checked(
        _ replies: ValueArray, _ count: Int, _ operation: String, key: String?
    ) throws(CacheError) -> ValueArray {
        guard replies.count == count else {
            throw CacheError(
                .unavailable, operation: operation, key: key,
                message: "\(operation) got \(replies.count) values for \(count) keys")
        }
        return replies
    }
}

extension RedisClient {
    /// The server's time, µs, and then an MGET, in one round trip.
    fileprivate func valuesAndTime(
        _ command: RedisCommand, timeout: Duration
    ) async throws(RedisError) -> (ValueArray, Int64?) {
        var pipeline = RedisPipeline()
        // The time first: whatever is read was there at that time or later.
        pipeline.append("TIME")
        pipeline.append(command)
        let replies = try await self.pipeline(pipeline, timeout: timeout)
        var values: [Data?] = []
        if case .array(let found) = try replies[1].get() {
            values = found.map { value in if case .bytes(let bytes) = value { Data(bytes) } else { nil } }
        }
        return (ValueArray(values), Self.microseconds(try? replies[0].get()))
    }

    static func microseconds(_ reply: RedisValue?) -> Int64? {
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let seconds) = parts[0],
            case .bytes(let rest) = parts[1], let seconds = Int64(String(decoding: seconds, as: UTF8.self)),
            let rest = Int64(String(decoding: rest, as: UTF8.self)),
            // Nothing that a server says may trap here.
            (0..<1 << 42).contains(seconds), (0..<1_000_000).contains(rest)
        else { return nil }
        return seconds * 1_000_000 + rest
    }
}

extension ValueArray {
    /// The stamp at an index, µs; 0 for none.
    func stamp(_ index: Int) -> Int64 {
        read { values in values[index].flatMap { Int64(String(decoding: $0, as: UTF8.self)) } ?? 0 }
    }

    /// The latest of several stamps.
    func latest(_ indices: Range<Int>? = nil) -> Int64 {
        (indices ?? self.indices).reduce(0) { latest, index in Swift.max(latest, stamp(index)) }
    }
}
