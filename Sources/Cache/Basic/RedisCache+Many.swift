import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// Several values by their keys, those without one left out.
    ///
    /// One round trip, two when some entries have tags; no keys, none.
    ///
    /// - Throws: `undecodable` for the first value found that is not a `T`, else as ``get(_:as:tags:)``.
    public func getMany<T: Decodable & Sendable>(
        _ wanted: some Sequence<String> & Sendable, as type: T.Type = T.self
    ) async throws -> [String: T] {
        let names = Array(wanted)
        do {
            guard nearLevel == nil else { return try await getManyNear(names, type) }
            guard let batch = try await batch(names) else { return [:] }
            return try values(names, batch, type)
        } catch let error as CacheError where error.code == .unavailable {
            if nearLevel == nil, probe != nil { for name in names { tell(.unavailable, name) } }
            guard options.failure == .open, error.mayBeMiss else { throw error }
            return [:]
        }
    }

    private func getManyNear<T: Decodable & Sendable>(
        _ names: [String], _ type: T.Type
    ) async throws -> [String: T] {
        var values: [String: T] = [:]
        let wanted = try distinct(names, "getMany").filter { key in
            guard let known = nearFound(key.name) else { return true }
            if let value = nearHit(known, key.name, type) { values[key.name] = value }
            return values[key.name] == nil && !nearAbsence(known, key.name)
        }
        guard !wanted.isEmpty else { return values }
        let states: [CacheLookup<T>]
        do {
            states = try await fetchManyNear(wanted.map(\.entry), operation: "getMany") { found($0, $1, type) }
        } catch let error as CacheError where error.code == .unavailable {
            for key in wanted { tell(.unavailable, key.name) }
            guard options.failure == .open, error.mayBeMiss else { throw error }
            return values
        }
        values.reserveCapacity(values.count + wanted.count)
        for (key, state) in zip(wanted, states) {
            switch state {
            case .hit(let value): values[key.name] = value
            case .undecodable(let error): throw error
            case .miss, .unavailable: break
            }
        }
        return values
    }
}

/// Many entries as one reply brought them: a payload is read where it lies, and only by who wants it.
private struct EntryBatch {
    /// What there is of one entry.
    enum Place {
        case absent
        case dead
        case damaged
        /// A remembered absence.
        case negative
        /// `codec` is nil for a value of another program; `rawSize` is given while it is compressed.
        case present(offset: Int, codec: UInt8?, rawSize: Int?)
    }

    let replies: ValueArray
    let places: [Place]
}

extension RedisCache {
    /// Reads entries by their names; nil without names.
    ///
    /// Nothing here depends on the values' type, so nothing is looked up for it at run time.
    private func batch(_ names: [String]) async throws -> EntryBatch? {
        try check()
        for name in names { try CacheKeys.check(name, "a key", operation: "getMany") }
        guard !names.isEmpty else { return nil }
        let escaped = KeyText.escaped(names)
        let replies =
            options.sliding == nil
            ? try await mgetMany(escaped, "getMany")
            : try await renewingValues(escaped.map { RedisKey(keys.start + $0) }, keys.epochs, "getMany")
        let epochs = replies.latest(names.count..<replies.count)
        var tags: Set<ExactString> = []
        var places = replies.read { replies in names.indices.map { place(replies[$0], epochs, [:], &tags) } }
        if !tags.isEmpty {
            let stamps = try await stamps(of: tags, "getMany")
            places = replies.read { replies in names.indices.map { place(replies[$0], epochs, stamps, &tags) } }
        }
        return EntryBatch(replies: replies, places: places)
    }

    private func place(
        _ bytes: UnsafeRawBufferPointer?, _ epochs: Int64, _ stamps: [ExactString: Int64],
        _ tags: inout Set<ExactString>
    ) -> EntryBatch.Place {
        guard let bytes else { return .absent }
        guard bytes.first == Envelope.magic else { return .present(offset: 0, codec: nil, rawSize: nil) }
        if let header = PlainHeader(bytes) {
            let isAlive = options.reads(schema: header.schema) && header.written > epochs
            return isAlive ? .present(offset: PlainHeader.size, codec: header.codec, rawSize: nil) : .dead
        }
        guard let header = EntryHeader(bytes) else { return .damaged }
        let envelope = header.envelope
        for tag in envelope.tags { tags.insert(ExactString(tag)) }
        if isDead(envelope, epochs, stamps) { return .dead }
        if let age = EntryAge(envelope), !age.isFresh(at: engine.judgingTime) { return .dead }
        if envelope.isNegative { return .negative }
        return .present(offset: header.size, codec: envelope.codec, rawSize: header.rawSize)
    }

    /// The values of a batch; text and bytes by code made for them, which is an order faster than the general.
    private func values<T: Decodable>(
        _ names: [String], _ batch: EntryBatch, _ type: T.Type
    ) throws -> [String: T] {
        // By way of Any the cast compares two types; directly it would look at each element.
        if T.self == Data.self {
            let values: Any = try collect(names, batch, Data.self)
            if let values = values as? [String: T] { return values }
        } else if T.self == String.self {
            let values: Any = try collect(names, batch, String.self)
            if let values = values as? [String: T] { return values }
        } else if T.self == [UInt8].self {
            let values: Any = try collect(names, batch, [UInt8].self)
            if let values = values as? [String: T] { return values }
        }
        return try collect(names, batch, type)
    }

    private func collect<T: Decodable>(
        _ names: [String], _ batch: EntryBatch, _ type: T.Type
    ) throws -> [String: T] {
        var values = [String: T](minimumCapacity: names.count)
        var misses = 0
        try batch.replies.read { replies in
            for (index, place) in batch.places.enumerated() {
                switch place {
                case .absent, .dead, .negative: misses += 1
                case .damaged: throw unreadable(names[index], damaged)
                case .present(let offset, let codec, let rawSize):
                    guard let stored = replies[index] else { continue }
                    let payload = UnsafeRawBufferPointer(rebasing: stored[offset...])
                    values[names[index]] = try decode(payload, rawSize, codec, type, names[index])
                }
            }
        }
        engine.metrics.misses.increment(by: misses)
        engine.metrics.hits.increment(by: names.count - misses)
        if probe != nil { tell(names, batch.places) }
        return values
    }

    /// Each entry's event; after the loop, which has better things to do.
    private func tell(_ names: [String], _ places: [EntryBatch.Place]) {
        for (name, place) in zip(names, places) {
            switch place {
            case .absent, .dead: tell(.miss, name)
            case .negative: tell(.negativeHit(.redis), name)
            case .present: tell(.hit(.redis), name)
            case .damaged: break
            }
        }
    }

    @inline(__always)
    private func decode<T: Decodable>(
        _ payload: UnsafeRawBufferPointer, _ rawSize: Int?, _ codec: UInt8?, _ type: T.Type, _ name: String
    ) throws -> T {
        guard rawSize == nil else { return try unpack(Data(payload), rawSize ?? 0, codec, type, name) }
        if let plain = ValueCoder.plain(type, codec, payload) { return plain }
        return try decode(Data(payload), codec, type, name)
    }

    private func unpack<T: Decodable>(
        _ payload: Data, _ rawSize: Int, _ codec: UInt8?, _ type: T.Type, _ name: String
    ) throws -> T {
        guard rawSize <= options.largestUnpacked,
            let bytes = CacheCompression.unpacked(payload, size: rawSize)
        else { throw unreadable(name, damaged) }
        return try decode(bytes, codec, type, name)
    }

    private func decode<T: Decodable>(_ bytes: Data, _ codec: UInt8?, _ type: T.Type, _ name: String) throws -> T {
        let entry = try entry(name, "getMany")
        do throws(CacheError) {
            return try coder.decode(type, codec: codec, bytes, operation: "getMany", key: entry.name)
        } catch {
            throw unreadable(name) { _ in error }
        }
    }

    /// The error for a value that cannot be read, counted.
    private func unreadable(_ name: String, _ error: (RedisKey) -> CacheError) -> any Error {
        engine.metrics.undecodable.increment()
        tell(.undecodable, name)
        do { return error(try entry(name, "getMany")) } catch { return error }
    }
}
