import FoundationEssentials
import Metrics
import RedisCore

extension IndexedCache {
    /// Changes some fields of a stored JSON object and leaves all others as they are, byte by byte; false when there is
    /// no item.
    ///
    /// Two round trips, and one more for each writer that was faster. Nothing is lost under concurrency, an item that
    /// has expired or was deleted is not made anew, and its indexes stay. After a lost reply it is repeated and takes
    /// effect once, unless four others wrote in between.
    ///
    /// ```swift
    /// try await cache.update("action_123", ["status": "confirmed", "tries": 3, "note": nil])
    /// ```
    ///
    /// - Parameters:
    ///   - fields: New values of fields of the object itself; new fields are added at its end.
    ///   - ttl: nil keeps the end as it is.
    /// - Throws: `wrongType` when the item is no JSON object, `conflict` when others wrote all the time, `tooLarge`,
    ///   `unencodable`, `invalidArgument`, `unavailable`; `CancellationError`.
    @discardableResult
    public func update(_ key: String, _ fields: [String: CacheField], ttl: CacheTTL? = nil) async throws -> Bool {
        try await merge(key, fields, ttl)
    }

    /// The same with the fields of any value that is encoded as a JSON object, by the cache's own coders.
    @discardableResult
    public func update(
        _ key: String, merging fields: some Encodable & Sendable, ttl: CacheTTL? = nil
    ) async throws -> Bool {
        try await merge(key, fields, ttl)
    }

    private func merge(_ key: String, _ fields: some Encodable, _ ttl: CacheTTL?) async throws -> Bool {
        try await observed("update", Self.hitOrMiss) {
            let name = try name(key, "update")
            let changes = try changes(fields, name)
            return try await revise(name, ttl, "update") { entry in
                guard entry.envelope == nil || entry.envelope?.codec == CacheCodec.json,
                    let object = JSONObjectText(Array(try payload(entry, name, "update")))
                else { throw noObject(name, "the item is no JSON object") }
                return ValueCoder.Payload(codec: CacheCodec.json, bytes: Data(object.merging(changes)))
            }
        }
    }

    private func changes(_ fields: some Encodable, _ name: String) throws -> JSONObjectText {
        // Written as `get` reads it: with the cache's own coders, if it stores JSON.
        let isJSON = coder.serializer.codec == CacheCodec.json
        let json = isJSON ? coder : ValueCoder(serializer: JSONCacheSerializer())
        let payload = try json.encode(fields, operation: "update", key: keys.item(name).name)
        guard payload.codec == CacheCodec.json, let object = JSONObjectText(Array(payload.bytes)) else {
            throw noObject(name, "the fields to change are no JSON object")
        }
        return object
    }

    private func noObject(_ name: String, _ message: String) -> CacheError {
        CacheError(.wrongType, operation: "update", key: keys.item(name).name, message: message)
    }

    /// Changes a stored value by a function of your own; the new value, or nil when there is no item.
    ///
    /// As ``update(_:_:ttl:)``. The function is called again with the newer value each time another writer was
    /// faster, so it must do nothing but change the value; what it throws is thrown, and nothing is written then.
    @discardableResult
    public func update<T: Codable & Sendable>(
        _ key: String, as type: T.Type = T.self, ttl: CacheTTL? = nil, _ change: (inout T) throws -> Void
    ) async throws -> T? {
        try await observed("update", { $0 == nil ? .miss : .hit }) {
            let name = try name(key, "update")
            var result: T?
            let isDone = try await revise(name, ttl, "update") { entry in
                var value = try coder.decode(
                    type, codec: entry.envelope?.codec, try payload(entry, name, "update"), operation: "update",
                    key: keys.item(name).name)
                try change(&value)
                result = value
                return try coder.encode(value, operation: "update", key: keys.item(name).name)
            }
            return isDone ? result : nil
        }
    }
}

// MARK: - Compare and set

extension IndexedCache {
    /// Each round somebody succeeds: so many writers of one item can be served at once.
    static let mostRounds = 100

    /// Reads, changes and writes if nobody else wrote meanwhile, again and again; false when there is no item.
    private func revise(
        _ name: String, _ ttl: CacheTTL?, _ operation: String, _ change: (StoredEntry) throws -> ValueCoder.Payload
    ) async throws -> Bool {
        let remaining = try ttl.map { try life($0, operation) } ?? "keep"
        var current = try await read(name, operation)
        for round in 0..<Self.mostRounds {
            guard let bytes = current, let item = try item(bytes, name, operation) else { return false }
            guard let version = item.version else {
                throw CacheError(
                    .wrongType, operation: operation, key: keys.item(name).name,
                    message: "a counter, or what another program wrote, cannot be changed; set it anew")
            }
            let pieces = try pieces(try change(item.entry), name, operation)
            let reply: RedisValue = try await evaluate(
                IndexedScripts.revise, name, [remaining, IndexedItem.newVersion(), version, pieces.head, pieces.tail],
                operation)
            guard case .array(let parts) = reply, case .integer(let verdict)? = parts.first, verdict < 0 else {
                if case .array(let parts) = reply, parts.first == .integer(1) {
                    engine.metrics.writes.increment()
                    return true
                }
                return false
            }
            engine.metrics.indexed.conflicts.increment()
            if case .bytes(let newer)? = parts.last { current = Data(newer) } else { current = nil }
            // Writers that lose together must not come back together.
            if round > 3 { try await Task.sleep(for: .microseconds(Int.random(in: 0...500 * round))) }
        }
        throw CacheError(
            .conflict, operation: operation, key: keys.item(name).name,
            message: "others changed the item \(Self.mostRounds) times in a row; try again later")
    }
}
