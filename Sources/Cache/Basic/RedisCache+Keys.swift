import FoundationEssentials
import RedisCore

extension RedisCache {
    /// How many of these keys have a value that counts, as ``get(_:as:tags:)`` would find it.
    ///
    /// One round trip, which reads the entries' heads only; two when some have tags, three when some have so many that
    /// they take more than 500 bytes. A key named twice counts once.
    public func exists(_ keys: String...) async throws -> Int { try await present(keys).count }

    /// Which of these keys have a value.
    ///
    /// As ``exists(_:)``.
    public func existing(_ names: some Sequence<String> & Sendable) async throws -> Set<String> {
        Set(try await present(names))
    }

    private func present(_ names: some Sequence<String>) async throws -> [String] {
        let wanted = try distinct(names, "exists")
        guard !wanted.isEmpty else { return [] }
        var commands = [RedisCommand("MGET", arguments: keys.epochs)]
        // The head with a usual number of tags: nobody needs the value.
        for key in wanted { commands.append(RedisCommand("GETRANGE", key.entry, 0, Self.headBytes - 1)) }
        // Freshness is judged by the server's clock: when that is not known, it is asked for on the way.
        let knowsTime = engine.serverTime != nil
        if !knowsTime { commands.append(RedisCommand("TIME")) }
        let sent = CacheEngine.localTime
        let replies = try await engine.call("exists", key: nil) { [commands] redis throws(RedisError) in
            try await redis.pipeline(commands, timeout: options.timeout)
        }
        if !knowsTime, let time = RedisClient.microseconds(try? replies.last?.get()) {
            engine.note(serverTime: time, sentAt: sent)
        }
        let heads = try await heads(zip(wanted, replies.dropFirst()).map { ($0.entry, $1) })
        let stamps = try replies[0].mapError { CacheError.from($0, operation: "exists", key: nil) }.get()
        let epochs = ValueArray(Self.elements(of: stamps)).latest()
        let states = try await judgeMany(heads, epochs: epochs, "exists")
        return zip(wanted, states).filter { $0.1.isPresent }.map(\.0.name)
    }

    /// Names with their entries, each entry once: names that only look alike are two, as for Redis.
    func distinct(
        _ names: some Sequence<String>, _ operation: String
    ) throws(CacheError) -> [(name: String, entry: RedisKey)] {
        try check()
        var seen: Set<RedisKey> = []
        var distinct: [(name: String, entry: RedisKey)] = []
        for name in names {
            let entry = try keys.entry(name, operation: operation)
            if seen.insert(entry).inserted { distinct.append((name, entry)) }
        }
        return distinct
    }

    private static let headBytes = 512

    private func heads(_ replies: [(entry: RedisKey, reply: Result<RedisValue, RedisError>)]) async throws -> [Data?] {
        var heads = try replies.map { entry, reply in try Self.head(reply) }
        // A full head that cannot be read has more tags than fit: its whole entry is asked for.
        let cut = heads.indices.filter { index in
            heads[index].map { $0.count == Self.headBytes && StoredEntry($0) == nil } ?? false
        }
        guard !cut.isEmpty else { return heads }
        for (index, bytes) in zip(cut, try await mget(cut.map { replies[$0].entry }, "exists", key: nil)) {
            heads[index] = bytes
        }
        return heads
    }

    private static func head(_ reply: Result<RedisValue, RedisError>) throws -> Data? {
        switch reply {
        case .success(.bytes(let bytes)): bytes.isEmpty ? nil : Data(bytes)
        // Something is there, of whatever kind.
        case .failure(let error) where error.code == .wrongType: Data([0])
        case .failure(let error): throw CacheError.from(error, operation: "exists", key: nil)
        case .success: nil
        }
    }

    /// Gives an entry another key, over whatever is there; false when there is none.
    ///
    /// One round trip, with the same end. Loads on their way into either key do not land. Not repeated when its reply
    /// is lost. On a cluster both keys must be in one slot.
    @discardableResult
    public func rename(_ key: String, to other: String) async throws -> Bool {
        let old = try entry(key, "rename")
        let new = try entry(other, "rename")
        let commands = [
            RedisCommand("DEL", CacheKeys.lease(of: old)), RedisCommand("DEL", CacheKeys.lease(of: new)),
            RedisCommand("RENAME", old, new),
        ]
        let replies = try await change([old, new], "rename") { redis throws(RedisError) in
            try await redis.pipeline(commands, timeout: options.timeout)
        }
        switch replies.last {
        case .failure(let error) where error.serverMessage?.contains("no such key") == true: return false
        case .failure(let error): throw CacheError.from(error, operation: "rename", key: old.name)
        default:
            tellDeleted([old], found: 1)
            tell(.set, other)
            return true
        }
    }

    static func elements(of reply: RedisValue) -> [Data?] {
        guard case .array(let elements) = reply else { return [] }
        return elements.map { element in
            if case .bytes(let bytes) = element { Data(bytes) } else { nil }
        }
    }
}

// MARK: - By pattern

extension RedisCache {
    /// The keys that a pattern means, each once, without the cache's prefix, in no order.
    ///
    /// One round trip for each page of about 500 keys **of the server**, whatever matches: for tools and small servers,
    /// not for every request. Keys that come or go meanwhile may be missed. Entries that count as missing because they
    /// were invalidated are listed until they are reaped.
    public func keys(matching pattern: CachePattern = .all) async throws -> [String] {
        var names: [String] = []
        for try await name in scan(matching: pattern) { names.append(name) }
        return names
    }

    /// The keys that a pattern means, page by page; see ``CacheScan``.
    ///
    /// - Parameter pageSize: How many keys the server looks at for one page: 1 or more.
    public func scan(matching pattern: CachePattern = .all, pageSize: Int = 500) -> CacheScan {
        CacheScan(cache: self, pattern: keys.matching(pattern), pageSize: pageSize)
    }

    /// Deletes the entries that a pattern means; how many were deleted, not how many were found.
    ///
    /// One round trip for each page of the server's keys and one for each 500 that match: nothing else waits for long.
    /// Entries written meanwhile may stay. Only entries and counters are deleted, no keys of other types. Repeated when
    /// a reply is lost: the count may then be too low.
    @discardableResult
    public func deleteMany(matching pattern: CachePattern) async throws -> Int {
        var deleted = 0
        var chunk: [RedisKey] = []
        var found = scan(matching: pattern).makeAsyncIterator()
        // The keys themselves: a name does not tell a tenant's id with a colon from a tenant's key.
        while let entry = try await found.nextEntry() {
            chunk.append(entry)
            guard chunk.count == 500 else { continue }
            deleted += try await delete(entries: chunk)
            chunk.removeAll(keepingCapacity: true)
        }
        return deleted + (try await delete(entries: chunk))
    }

    /// Deletes everything of this cache: all entries and counters whose keys begin with its prefix; how many.
    ///
    /// As ``deleteMany(matching:)``. A cache without a prefix refuses: that would be the whole database.
    @discardableResult
    public func flush() async throws -> Int {
        guard !keys.prefix.isEmpty else {
            throw CacheError(
                .invalidArgument, operation: "flush",
                message: "the cache has no prefix, so flushing would empty the database; send FLUSHDB if that is meant")
        }
        return try await deleteMany(matching: .all)
    }
}
