public import FoundationEssentials
import Metrics
import RedisCore

extension IndexedCache {
    /// The value under a key; nil when there is none.
    ///
    /// One round trip. A counter is read as a number.
    ///
    /// - Throws: `undecodable` for something that is not a `T`, `unavailable` under ``CacheFailurePolicy/closed`` and
    ///   from a server in cluster mode that refuses it, `invalidArgument`; `CancellationError`.
    public func get<T: Decodable & Sendable>(_ key: String, as type: T.Type = T.self) async throws -> T? {
        try await observed("get", { $0 == nil ? .miss : .hit }) {
            switch try await lookup(key, as: type) {
            case .hit(let value): return value
            case .miss: return nil
            case .unavailable(let error):
                if options.failure == .open, error.mayBeMiss { return nil }
                throw error
            case .undecodable(let error): throw error
            }
        }
    }

    /// The value under a key, or why there is none: a miss, an outage and a value that cannot be read are three things.
    ///
    /// Cost as ``get(_:as:)``. Throws `invalidArgument` and `CancellationError` only.
    public func lookup<T: Decodable & Sendable>(_ key: String, as type: T.Type = T.self) async throws -> CacheLookup<T>
    {
        let name = try name(key, "get")
        let bytes: Data?
        do {
            bytes = try await read(name, "get")
        } catch let error as CacheError where error.code == .unavailable {
            return .unavailable(error)
        }
        return found(bytes, name, type, "get")
    }

    /// The bytes of a value as they were stored, uncompressed but not decoded: JSON as text; nil when there is none.
    ///
    /// Cost and errors as ``get(_:as:)``.
    public func getRaw(_ key: String) async throws -> Data? {
        try await observed("getRaw", { $0 == nil ? .miss : .hit }) {
            let name = try name(key, "getRaw")
            do {
                guard let bytes = try await read(name, "getRaw"),
                    let item = try item(bytes, name, "getRaw")
                else {
                    engine.metrics.misses.increment()
                    return nil
                }
                let payload = try payload(item.entry, name, "getRaw")
                engine.metrics.hits.increment()
                return payload
            } catch let error as CacheError where error.mayBeMiss && options.failure == .open {
                return nil
            } catch let error as CacheError where error.code == .undecodable {
                engine.metrics.undecodable.increment()
                throw error
            }
        }
    }

    /// Several values by their keys, those without one left out; one round trip.
    ///
    /// Keys that differ in their bytes and yet are equal for Swift, such as é in one scalar and in two, are two items
    /// and one key of the dictionary: ask for those one by one.
    ///
    /// - Throws: `undecodable` for the first value found that is not a `T`, else as ``get(_:as:)``.
    public func getMany<T: Decodable & Sendable>(
        _ wanted: some Sequence<String> & Sendable, as type: T.Type = T.self
    ) async throws -> [String: T] {
        try await observed("getMany") {
            try check()
            // By their bytes: of two that are equal for Swift perhaps only one is there.
            let keys = Set(wanted.map { ExactString($0) }).map(\.text)
            guard !keys.isEmpty else { return [:] }
            let names = try keys.map { try name($0, "getMany") }
            let replies: [Data?]
            do {
                replies = try await mget(names, "getMany")
            } catch let error as CacheError where error.mayBeMiss && options.failure == .open {
                return [:]
            }
            var values: [String: T] = Dictionary(minimumCapacity: keys.count)
            for (index, key) in keys.enumerated() where index < replies.count {
                switch found(replies[index], names[index], type, "getMany") {
                case .hit(let value): values[key] = value
                case .undecodable(let error): throw error
                case .miss, .unavailable: break
                }
            }
            return values
        }
    }

    /// True if there is an item under the key; one round trip.
    ///
    /// - Throws: `unavailable` as ``get(_:as:)``, `invalidArgument`; `CancellationError`.
    public func exists(_ key: String) async throws -> Bool {
        try await observed("exists", Self.hitOrMiss) {
            let item = keys.item(try name(key, "exists"))
            do {
                return try await engine.call("exists", key: item.name) { redis throws(RedisError) in
                    try await redis.command(
                        RedisCommand("EXISTS", item), as: Bool.self, timeout: options.timeout)
                }
            } catch let error as CacheError where error.mayBeMiss && options.failure == .open {
                return false
            }
        }
    }
}

// MARK: - What is read

extension IndexedCache {
    func read(_ name: String, _ operation: String) async throws -> Data? {
        let item = keys.item(name)
        return try await engine.call(operation, key: item.name) { redis throws(RedisError) in
            try await redis.get(item, as: Data.self, timeout: options.timeout)
        }
    }

    private func mget(_ names: [String], _ operation: String) async throws -> [Data?] {
        let command = RedisCommand("MGET", arguments: names.map(keys.item))
        return try await engine.call(operation, key: nil) { redis throws(RedisError) in
            try await redis.command(command, as: [Data?].self, timeout: options.timeout)
        }
    }

    /// nil for an item of another schema version, which counts as missing.
    func item(_ bytes: Data, _ name: String, _ operation: String) throws(CacheError) -> IndexedItem? {
        guard let item = IndexedItem(bytes) else { throw damaged(name, operation) }
        if let envelope = item.entry.envelope, !options.reads(schema: envelope.schema) { return nil }
        return item
    }

    func payload(_ entry: StoredEntry, _ name: String, _ operation: String) throws(CacheError) -> Data {
        guard let bytes = entry.bytes(limit: options.largestUnpacked) else { throw damaged(name, operation) }
        return bytes
    }

    /// The value of an item's bytes; counts hits, misses and what cannot be read.
    func found<T: Decodable>(_ bytes: Data?, _ name: String, _ type: T.Type, _ operation: String) -> CacheLookup<T> {
        do throws(CacheError) {
            guard let bytes, let item = try item(bytes, name, operation) else {
                engine.metrics.misses.increment()
                return .miss
            }
            let value = try coder.decode(
                type, codec: item.entry.envelope?.codec, try payload(item.entry, name, operation),
                operation: operation, key: keys.item(name).name)
            engine.metrics.hits.increment()
            return .hit(value)
        } catch {
            engine.metrics.undecodable.increment()
            return .undecodable(error)
        }
    }

    private func damaged(_ name: String, _ operation: String) -> CacheError {
        CacheError(
            .undecodable, operation: operation, key: keys.item(name).name,
            message: "the item is damaged, or of a newer version of this package")
    }
}
