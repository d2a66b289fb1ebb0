import FoundationEssentials
import Metrics
import RedisCore

extension IndexedCache {
    /// Stores a value under a key, whatever was there, and puts it into indexes.
    ///
    /// One round trip, safe to repeat. Indexes that an older value had and that are not named here list it no more.
    ///
    /// - Parameters:
    ///   - ttl: From the moment the server writes it.
    ///   - indexes: What it can be found by: the names of indexes and its value in each, `["user": "alice"]`.
    /// - Throws: `tooLarge`, `unencodable`, `invalidArgument`, `unavailable`; `CancellationError`. The old value may
    ///   still be there then.
    public func set<T: Encodable & Sendable>(
        _ key: String, _ value: T, ttl: CacheTTL = .default, indexes: [String: String] = [:]
    ) async throws {
        try await observed("set") {
            let name = try name(key, "set")
            let write = try write(name, value, ttl, indexes, "set")
            let _: Int64 = try await engine.call("set", key: keys.item(name).name) { redis throws(RedisError) in
                try await redis.evaluate(
                    IndexedScripts.set, keys: write.keys, arguments: write.arguments, timeout: options.timeout)
            }
            engine.metrics.writes.increment()
        }
    }

    /// Stores several values in one round trip.
    ///
    /// Not atomic: others may see some of them before the rest. A failure of the connection leaves any of them undone;
    /// a value that cannot be encoded leaves all of them undone. The time-out is for all of them: thousands at once
    /// want a longer one. Errors as ``set(_:_:ttl:indexes:)``.
    ///
    /// - Parameter indexes: What each can be found by, from its key and value.
    public func setMany<T: Encodable & Sendable>(
        _ values: [String: T], ttl: CacheTTL = .default,
        indexes: (String, T) -> [String: String] = { _, _ in [:] }
    ) async throws {
        try await observed("setMany") {
            try check()
            guard !values.isEmpty else { return }
            var batch: [(keys: [RedisKey], arguments: [any RedisArgument])] = []
            batch.reserveCapacity(values.count)
            for (key, value) in values {
                let name = try name(key, "setMany")
                batch.append(try write(name, value, ttl, indexes(key, value), "setMany"))
            }
            _ = try await evaluate(IndexedScripts.set, batch, "setMany")
            engine.metrics.writes.increment(by: Int64(values.count))
        }
    }

    private func write<T: Encodable>(
        _ name: String, _ value: T, _ ttl: CacheTTL, _ indexes: [String: String], _ operation: String
    ) throws(CacheError) -> (keys: [RedisKey], arguments: [any RedisArgument]) {
        let members = try Memberships(indexes, operation: operation)
        let payload = try coder.encode(value, operation: operation, key: keys.item(name).name)
        let pieces = try pieces(payload, name, operation)
        let more: [any RedisArgument] = [
            try life(ttl, operation), IndexedItem.newVersion(), members.text, pieces.head, pieces.tail,
        ]
        return (keys.keys(of: name) + members.keys(keys), try arguments(name) + more)
    }

    /// A payload as an entry, within the guard.
    func pieces(
        _ payload: ValueCoder.Payload, _ name: String, _ operation: String
    ) throws(CacheError) -> Envelope.Pieces {
        guard payload.bytes.count <= options.maxValueBytes else {
            throw CacheError(
                .tooLarge, operation: operation, key: keys.item(name).name,
                message: "the value has \(payload.bytes.count) bytes; the cache takes \(options.maxValueBytes)")
        }
        return Envelope(codec: payload.codec, schema: options.schema).pieces(payload.bytes, options.compression)
    }

    /// Deletes an item and takes it out of all its indexes; false when there was none.
    ///
    /// One round trip. A repeated deletion, after a lost reply, also deletes what was set in between.
    ///
    /// - Throws: `unavailable`: the item may still be there. `invalidArgument`; `CancellationError`.
    @discardableResult
    public func delete(_ key: String) async throws -> Bool {
        try await observed("delete", Self.hitOrMiss) {
            let name = try name(key, "delete")
            let deleted: Int64 = try await evaluate(IndexedScripts.delete, name, [], "delete")
            engine.metrics.deletes.increment()
            return deleted == 1
        }
    }

    /// Deletes several items in one round trip; how many there were.
    ///
    /// As ``delete(_:)``.
    @discardableResult
    public func deleteMany(_ wanted: some Sequence<String> & Sendable) async throws -> Int {
        try await observed("deleteMany") {
            try check()
            // By their bytes: for Redis `é` in one scalar and in two are two keys.
            let names = try Set(wanted.map { RedisKey(try name($0, "deleteMany")) }).map(\.name)
            guard !names.isEmpty else { return 0 }
            return try await delete(names: names, "deleteMany")
        }
    }

    func delete(names: [String], _ operation: String) async throws -> Int {
        let batch = try names.map { name in (keys: keys.keys(of: name), arguments: try arguments(name)) }
        let replies = try await evaluate(IndexedScripts.delete, batch, operation)
        engine.metrics.deletes.increment(by: Int64(names.count))
        return replies.reduce(0) { count, value in
            value == .integer(1) ? count + 1 : count
        }
    }

    static func hitOrMiss(_ isHit: Bool) -> CacheOperation.Outcome { isHit ? .hit : .miss }
}
