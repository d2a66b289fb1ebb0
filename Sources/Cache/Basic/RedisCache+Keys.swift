import FoundationEssentials
import RedisCore

extension RedisCache {
    /// How many of these keys have a value that counts, as ``get(_:as:tags:)`` would find it.
    ///
    /// One round trip, which reads the entries' heads only; two when some have tags, three when some have so many that
    /// they take more than 500 bytes. A key named twice counts once. What is no text or bytes in Redis, such as a list,
    /// counts as missing, and so does an empty text that another program stored, which `get` finds.
    ///
    /// - Throws: `unavailable`, under ``CacheFailurePolicy/open`` too; `invalidArgument`; `CancellationError`.
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
        typealias Answer = (values: [RedisValue], time: Int64?)
        let (values, time) = try await engine.call("exists", key: nil) {
            [commands] redis throws(RedisError) -> Answer in
            let replies = try await redis.pipeline(commands, timeout: options.timeout)
            var values: [RedisValue] = []
            for reply in replies.prefix(wanted.count + 1) { values.append(try Self.textOrNone(reply)) }
            return (values, knowsTime ? nil : RedisClient.microseconds(try? replies.last?.get()))
        }
        if let time { engine.note(serverTime: time, sentAt: sent) }
        let heads = try await heads(zip(wanted, values.dropFirst()).map { ($0.entry, Self.head($1)) })
        let epochs = ValueArray(Self.elements(of: values[0])).latest()
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

    private func heads(_ found: [(entry: RedisKey, head: Data?)]) async throws -> [Data?] {
        var heads = found.map(\.head)
        // A full head that cannot be read has more tags than fit: its whole entry is asked for.
        let cut = heads.indices.filter { index in
            heads[index].map { $0.count == Self.headBytes && StoredEntry($0) == nil } ?? false
        }
        guard !cut.isEmpty else { return heads }
        for (index, bytes) in zip(cut, try await mget(cut.map { found[$0].entry }, "exists", key: nil)) {
            heads[index] = bytes
        }
        return heads
    }

    /// What there is to read; as for MGET a list or a set is none.
    private static func textOrNone(_ reply: Result<RedisValue, RedisError>) throws(RedisError) -> RedisValue {
        if case .failure(let error) = reply, error.code == .wrongType { return .null }
        return try reply.get()
    }

    /// GETRANGE answers nothing at all for what is not there.
    private static func head(_ reply: RedisValue) -> Data? {
        guard case .bytes(let bytes) = reply, !bytes.isEmpty else { return nil }
        return Data(bytes)
    }

    /// Gives an entry another key, over whatever is there; false when there is none.
    ///
    /// One round trip, with the same end. Loads on their way into either key do not land; who waits for them looks
    /// again. Not repeated when its reply is lost. On a cluster both keys must be in one slot.
    ///
    /// - Throws: `unavailable`; when only the end of those loads was refused the entry has its new key all the same,
    ///   and `isEffectUnknown` is true. `invalidArgument`; `CancellationError`.
    @discardableResult
    public func rename(_ key: String, to other: String) async throws -> Bool {
        let old = try entry(key, "rename")
        let new = try entry(other, "rename")
        let leases = [CacheKeys.lease(of: old), CacheKeys.lease(of: new)]
        // The leases first: whoever loads after that reads the source after this call began.
        var commands = leases.map { lease in RedisCommand("DEL", lease) }
        for lease in leases { commands.append(RedisCommand("PUBLISH", lease.name + keys.wakeSuffix, "")) }
        commands.append(RedisCommand("RENAME", old, new))
        let isRenamed = try await change([old, new], "rename") { [commands] redis throws(RedisError) -> Bool in
            let replies = try await redis.pipeline(commands, timeout: options.timeout)
            if case .failure(let error) = replies[4], error.serverMessage?.contains("no such key") == true {
                return false
            }
            _ = try replies[4].get()
            // The wakes are hints: those who wait look again by themselves. But a load may still land.
            for reply in replies.prefix(2) {
                if case .failure(let error) = reply { throw error.besideChange }
            }
            return true
        }
        guard isRenamed else { return false }
        tellDeleted([old], found: 1)
        tell(.set, other)
        return true
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
    ///
    /// - Throws: `unavailable`; `undecodable` for a key that is no UTF-8; `CancellationError`. What was deleted before
    ///   it failed stays deleted, and `isEffectUnknown` is true then.
    @discardableResult
    public func deleteMany(matching pattern: CachePattern) async throws -> Int {
        var isBegun = false
        do {
            return try await deleteMany(matching: pattern, &isBegun)
        } catch let error as CacheError where isBegun {
            throw error.afterChange
        }
    }

    /// `isBegun` becomes true when some are deleted.
    private func deleteMany(matching pattern: CachePattern, _ isBegun: inout Bool) async throws -> Int {
        var deleted = 0
        var chunk: [RedisKey] = []
        var found = scan(matching: pattern).makeAsyncIterator()
        // The keys themselves: a name does not tell a tenant's id with a colon from a tenant's key.
        while let entry = try await found.nextEntry() {
            chunk.append(entry)
            guard chunk.count == 500 else { continue }
            deleted += try await delete(entries: chunk)
            isBegun = true
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
