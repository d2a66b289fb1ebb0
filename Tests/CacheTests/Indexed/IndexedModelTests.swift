import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What a namespace should hold: a dictionary.
private struct IndexModel {
    struct Item {
        var value: String
        var indexes: [String: String]
        /// The last millisecond of its life; nil for none.
        var end: Int64?
        var isCounter = false
    }

    private(set) var items: [String: Item] = [:]
    /// Items that Redis evicted: their end is still to be told.
    private var ghosts: [String: Item] = [:]
    /// Ends that nobody was told of, with the values.
    private(set) var ends: [String: String?] = [:]

    mutating func put(_ name: String, _ item: Item) {
        ghosts[name] = nil
        items[name] = item
    }

    mutating func change(_ name: String, _ body: (inout Item) -> Void) {
        guard var item = items[name] else { return }
        body(&item)
        items[name] = item
    }

    mutating func delete(_ name: String) {
        items[name] = nil
        ghosts[name] = nil
    }

    mutating func evict(_ name: String) {
        ghosts[name] = items.removeValue(forKey: name) ?? ghosts[name]
    }

    mutating func advance(to now: Int64) {
        for (name, item) in items.merging(ghosts, uniquingKeysWith: { first, _ in first }) {
            guard let end = item.end, end < now else { continue }
            ends["\(end):\(name)"] = .some(item.value)
            delete(name)
        }
    }

    mutating func sweep() -> [String: String?] {
        defer { ends = [:] }
        return ends
    }

    func list(_ index: String, _ value: String) -> [String: String] {
        items.filter { $0.value.indexes[index] == value }.mapValues(\.value)
    }
}

@Suite struct IndexedModelTests {
    private static let names = (0..<6).map { "item:\($0)" }
    private static let indexes = ["user": ["alice", "bob", "a:b"], "a": ["b:c", "alice"]]

    /// Random operations at random times: after each of them every index lists exactly the living items with that
    /// value, every end is told once, and at the end nothing is left on the server.
    @Test(arguments: 1...12)
    func `indexes and ends are those of a model`(seed: Int) async throws {
        try await withRedisServer { server in
            var random = SplitMix(seed: UInt64(seed))
            var redis = VirtualIndex(server, .values)
            var model = IndexModel()
            for step in 0..<150 {
                try Self.act(&redis, &model, step, &random)
                try Self.compare(redis, model, &random)
            }
            for name in Self.names {
                #expect(try redis.delete(name) == (model.items[name] != nil))
                model.delete(name)
            }
            #expect(try redis.sweep() == model.sweep())
            // An immortal item that was evicted leaves a member that only a question takes out.
            for (index, values) in Self.indexes { for value in values { _ = try redis.queryNames(index, value) } }
            try redis.advance(VirtualIndex.retention * 2)
            #expect(try server("KEYS", "*").strings == [], "something is left for ever")
        }
    }

    private static func act(
        _ redis: inout VirtualIndex, _ model: inout IndexModel, _ step: Int, _ random: inout SplitMix
    ) throws {
        let name = names[Int.random(in: 0..<names.count, using: &random)]
        let ttl: Int64? = Bool.random(using: &random) ? .random(in: 1...400, using: &random) : [nil, 5_000][step % 2]
        let end = ttl.map { redis.now + $0 }
        switch Int.random(in: 0..<12, using: &random) {
        case 0...3:
            var memberships: [String: String] = [:]
            for (index, values) in indexes.sorted(by: { $0.key < $1.key }) {
                memberships[index] = (values.map(Optional.some) + [nil]).randomElement(using: &random) ?? nil
            }
            try redis.set(name, "v\(step)", ttl, memberships)
            model.put(name, .init(value: "v\(step)", indexes: memberships, end: end))
        case 4:
            #expect(try redis.delete(name) == (model.items[name] != nil))
            model.delete(name)
        case 5:
            #expect(try redis.setTTL(name, ttl) == (model.items[name] != nil))
            model.change(name) { $0.end = end }
        case 6 where model.items[name]?.isCounter != true:
            let isRefreshed = Bool.random(using: &random) && ttl != nil
            let isDone = try redis.revise(name, "v\(step)", refreshing: isRefreshed ? ttl : nil)
            #expect(isDone == (model.items[name] != nil))
            model.change(name) { item in
                item.value = "v\(step)"
                if isRefreshed { item.end = end }
            }
        case 7 where model.items[name] == nil || model.items[name]?.isCounter == true:
            let count = try redis.increment(name, ttl)
            let before = model.items[name].flatMap { Int($0.value) } ?? 0
            #expect(count == before + 1)
            if model.items[name] == nil { model.put(name, .init(value: "1", indexes: [:], end: end, isCounter: true)) }
            model.change(name) { $0.value = "\(before + 1)" }
        case 8:
            try redis.evict(name)
            model.evict(name)
        case 9: #expect(try redis.sweep() == model.sweep())
        default:
            try redis.advance(.random(in: 1...300, using: &random))
            model.advance(to: redis.now)
        }
    }

    private static func compare(_ redis: VirtualIndex, _ model: IndexModel, _ random: inout SplitMix) throws {
        for (index, values) in indexes {
            // Not all of them each time: what is not asked must be right too, later.
            for value in values where Bool.random(using: &random) {
                let expected = model.list(index, value)
                #expect(try redis.queryNames(index, value) == Set(expected.keys), "\(index) \(value)")
                #expect(try redis.query(index, value, limit: 2) == expected, "\(index) \(value)")
            }
        }
    }

    @Test func `an end that came before the next write is told with the value it had`() async throws {
        try await withRedisServer { server in
            var redis = VirtualIndex(server, .values)
            try redis.set("a", "first", 10, [:])
            try redis.advance(11)
            try redis.set("a", "second", 10, [:])
            try redis.advance(11)
            #expect(try !redis.delete("a"), "it has ended, and is told all the same")
            #expect(try redis.sweep() == ["4000000000010:a": "first", "4000000000021:a": "second"])
            #expect(try redis.sweep() == [:])
        }
    }

    @Test func `an item that had no end and gets one is told with its value`() async throws {
        try await withRedisServer { server in
            var redis = VirtualIndex(server, .values)
            try redis.set("a", "v", nil, [:])
            #expect(try redis.setTTL("a", 10))
            try redis.advance(11)
            #expect(try redis.sweep() == ["4000000000010:a": "v"])
        }
    }

    @Test func `an end that nobody was told of in time is given up`() async throws {
        try await withRedisServer { server in
            var redis = VirtualIndex(server, .values)
            try redis.set("a", "v", 10, [:])
            try redis.set("b", "v", 10 + VirtualIndex.retention, [:])
            try redis.advance(VirtualIndex.retention + 11)
            #expect(try redis.sweep() == ["\(4_000_000_000_010 + VirtualIndex.retention):b": "v"])
            #expect(try server("KEYS", "*").strings == [])
        }
    }

    @Test func `a writer that does not track ends corrects those of others`() async throws {
        try await withRedisServer { server in
            var tracking = VirtualIndex(server, .values)
            try tracking.set("a", "v", 10, [:])
            try tracking.set("b", "v", 10, [:])
            try tracking.set("c", "v", 10, [:])
            var plain = VirtualIndex(server, .off, writer: 2)
            try plain.set("a", "w", 50, [:])
            _ = try plain.delete("b")
            _ = try plain.setTTL("c", nil)
            try plain.set("d", "w", 10, [:])
            try tracking.advance(11)
            #expect(try tracking.sweep() == [:])
            try tracking.advance(50)
            #expect(try tracking.sweep() == ["4000000000050:a": nil])
            #expect(try server("EXISTS", tracking.keys.item("c").name) == 1)
        }
    }
}
