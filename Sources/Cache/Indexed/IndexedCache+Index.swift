import FoundationEssentials
import Metrics
import RedisCore

extension IndexedCache {
    /// The items that were set with this value under an index, a page at a time.
    ///
    /// One round trip a page. An item that is in the index from the first page to the last is in one of the pages, and
    /// when the index changes meanwhile perhaps in two; others may or may not be. What is gone is taken out on the way.
    ///
    /// - Parameters:
    ///   - index: The index's name.
    ///   - value: What the items have in it.
    ///   - cursor: Where the last page ended; nil for the first.
    ///   - limit: About how many items a page has, 1 to 10,000; 100. Small indexes come whole up to 128 items.
    /// - Throws: `unavailable`, whatever the failure policy; `invalidArgument`; `CancellationError`.
    public func getByIndex<T: Decodable & Sendable>(
        _ index: String, _ value: String, as type: T.Type = T.self, after cursor: IndexCursor? = nil, limit: Int = 100
    ) async throws -> IndexPage<T> {
        try await observed("getByIndex") {
            let reply = try await query(index, value, cursor, limit, withValues: true, "getByIndex")
            var items: [IndexPage<T>.Item] = []
            items.reserveCapacity(reply.rest.count / 2)
            var undecodable: [String] = []
            for position in stride(from: 0, to: reply.rest.count - 1, by: 2) {
                let name = String(decoding: reply.rest[position], as: UTF8.self)
                switch found(reply.rest[position + 1], name, type, "getByIndex") {
                case .hit(let value): items.append(.init(key: IndexedKeys.key(of: name), value: value))
                case .undecodable: undecodable.append(IndexedKeys.key(of: name))
                case .miss, .unavailable: break
                }
            }
            return IndexPage(items: items, undecodable: undecodable, next: reply.next, pruned: reply.pruned)
        }
    }

    /// The keys of the items that were set with this value under an index, a page at a time.
    ///
    /// As ``getByIndex(_:_:as:after:limit:)``, without reading values.
    public func getKeysByIndex(
        _ index: String, _ value: String, after cursor: IndexCursor? = nil, limit: Int = 1_000
    ) async throws -> IndexKeyPage {
        try await observed("getKeysByIndex") {
            let reply = try await query(index, value, cursor, limit, withValues: false, "getKeysByIndex")
            let keys = reply.rest.map { IndexedKeys.key(of: String(decoding: $0, as: UTF8.self)) }
            return IndexKeyPage(keys: keys, next: reply.next, pruned: reply.pruned)
        }
    }

    /// All items of an index by their keys: all pages, each item once.
    ///
    /// Keys that differ in their bytes and yet are equal for Swift, such as é in one scalar and in two, are two items
    /// and one key of the dictionary; pages have both.
    ///
    /// - Throws: `undecodable` when one of them is no `T`, else as ``getByIndex(_:_:as:after:limit:)``.
    public func allByIndex<T: Decodable & Sendable>(
        _ index: String, _ value: String, as type: T.Type = T.self
    ) async throws -> [String: T] {
        var values: [String: T] = [:]
        var cursor: IndexCursor?
        repeat {
            let page = try await getByIndex(index, value, as: type, after: cursor, limit: 500)
            if let key = page.undecodable.first {
                throw CacheError(
                    .undecodable, operation: "allByIndex", key: keys.item(KeyText.escaped(key)).name,
                    message: "an item of the index \(index) is no \(T.self)")
            }
            for item in page.items { values[item.key] = item.value }
            cursor = page.next
        } while cursor != nil
        return values
    }

    /// All keys of an index: all pages, each key once.
    ///
    /// Keys that are equal for Swift count as one, as for ``allByIndex(_:_:as:)``.
    ///
    /// Errors as ``getByIndex(_:_:as:after:limit:)``.
    public func allKeysByIndex(_ index: String, _ value: String) async throws -> Set<String> {
        var all: Set<String> = []
        var cursor: IndexCursor?
        repeat {
            let page = try await getKeysByIndex(index, value, after: cursor)
            all.formUnion(page.keys)
            cursor = page.next
        } while cursor != nil
        return all
    }
}

// MARK: - Queries

extension IndexedCache {
    /// Most items of one page.
    static let longestPage = 10_000

    struct QueryReply {
        let next: IndexCursor?
        let pruned: Int
        /// Names and values, or names.
        let rest: [Data]
    }

    private func query(
        _ index: String, _ value: String, _ cursor: IndexCursor?, _ limit: Int, withValues: Bool, _ operation: String
    ) async throws -> QueryReply {
        try check()
        let members = try Memberships.one(index, value, operation: operation)
        guard let key = members.keys(keys).first, (1...Self.longestPage).contains(limit) else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "a page of \(limit) items was asked for; give 1 to \(Self.longestPage)")
        }
        return try await query(key, members.text, cursor, limit, withValues: withValues, operation)
    }

    func query(
        _ key: RedisKey, _ members: String, _ cursor: IndexCursor?, _ limit: Int, withValues: Bool,
        _ operation: String
    ) async throws -> QueryReply {
        let reply = try await engine.call(operation, key: key.name) { redis throws(RedisError) in
            try await redis.evaluate(
                IndexedScripts.query, keys: [key],
                arguments: [keys.root, members, cursor?.text ?? IndexCursor.start, limit, withValues ? "1" : "0"],
                as: [Data].self, timeout: options.timeout)
        }
        let texts = reply.prefix(2).map { String(decoding: $0, as: UTF8.self) }
        guard texts.count == 2, let pruned = Int(texts[1]) else {
            throw CacheError(
                .unavailable, operation: operation, key: key.name, message: "\(operation) got an answer that is none")
        }
        if pruned > 0 { engine.metrics.indexed.pruned.increment(by: Int64(pruned)) }
        let next = texts[0] == IndexCursor.start ? nil : IndexCursor(text: texts[0])
        return QueryReply(next: next, pruned: pruned, rest: Array(reply.dropFirst(2)))
    }
}
