import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load for the indexed cache with its sweeper.
@Suite struct IndexedNemesisTests {
    private struct Item: Codable, Sendable, Equatable {
        var owner: String
        var parity: Int
        var number: Int
        var note = ""

        init(_ number: Int) {
            (owner, parity, self.number) = ("o\(number % 3)", number % 2, number)
        }

        var indexes: [String: String] { ["owner": owner, "parity": "\(parity)"] }
    }

    /// `mixed` is cleared now and then, `kept` is not.
    private static let namespaces = ["mixed", "kept"]

    private func caches(
        _ redis: RedisClient, _ options: CacheOptions = .init(timeout: .milliseconds(300))
    ) -> [IndexedCache] {
        Self.namespaces.map { IndexedCache(redis, namespace: $0, options: options, expiry: .values()) }
    }

    /// Keys that were set to end at once, of which somebody has to be told.
    private final class Ends: Sendable {
        private let keys = Mutex<Set<String>>([])
        var all: Set<String> { keys.withLock { $0 } }
        func note(_ key: String) { keys.withLock { _ = $0.insert(key) } }
    }

    @Test(arguments: Nemesis.allCases)
    func `indexes name exactly what lives, counts are right, and every end is told`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let (ledger, ended, told) = (Ledger(), Ends(), Told())
            let clients = [caches(one), caches(other)]
            let sweepers = try clients.joined().map {
                try ExpirySweeper($0, options: .init(lease: .seconds(1), pause: .milliseconds(20))) { told.note($0) }
            }
            let sweeping = sweepers.map { sweeper in Task { try await sweeper.run() } }
            defer { for task in sweeping { task.cancel() } }
            for (client, spaces) in clients.enumerated() {
                for cache in spaces { work(client, cache, load) }
                load.add("counter") { _ in try await ledger.count("n") { try await spaces[1].increment("n") } }
                load.add("ender") { step in
                    let key = "end\(client)-\(step)"
                    try await spaces[1].set(key, Item(step), ttl: .after(.milliseconds(1)), indexes: Item(step).indexes)
                    ended.note(key)
                }
            }
            load.add("clear") { step in
                // Seldom: what is cleared all the time has no indexes to be wrong.
                if step % 16 == 15 { try await clients[0][0].clearNamespace() }
                _ = try await clients[0][0].getTTL("1")
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            // What is compared must not be a read that was not answered, which counts as a miss.
            try await untilAnswered(one, other)
            let unhurried = CacheOptions(timeout: .seconds(60), failure: .closed)
            let counted = Int(try await caches(one, unhurried)[1].get("n", as: Int.self) ?? 0)
            #expect(ledger.range("n", nemesis).contains(counted), "\(counted) \(ledger.range("n", nemesis))")
            try await eventually("every end is told", within: .seconds(60)) {
                nemesis.losesData || ended.all.isSubset(of: told.keys)
            }
            for cache in caches(other, unhurried) { try await checkIndexes(server, cache, nemesis) }
            for task in sweeping {
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
    }

    private func work(_ client: Int, _ cache: IndexedCache, _ load: NemesisLoad) {
        let space = cache.namespace
        load.add("setter \(space)") { step in
            let item = Item(step)
            let key = "\(step % 12)"
            switch step % 4 {
            case 0: try await cache.delete(key)
            case 1: try await cache.setMany([key: item, "m\(client)": item]) { $1.indexes }
            case 2: try await cache.update(key, ["note": .string("step \(step)")])
            default: try await cache.set(key, item, indexes: item.indexes)
            }
        }
        load.add("reader \(space)") { step in
            let owner = "o\(step % 3)"
            for (key, item) in try await cache.allByIndex("owner", owner, as: Item.self) where item.owner != owner {
                load.note("\(key) of \(item.owner) is listed for \(owner)")
            }
            _ = try await cache.get("\(step % 12)", as: Item.self)
        }
    }

    /// After everybody was asked once, nothing else stands in any index, nor among the ends that are to come.
    ///
    /// An index that was evicted lists its items again when they are set: until then it lists fewer, never others.
    private func checkIndexes(_ server: RedisServer, _ cache: IndexedCache, _ nemesis: Nemesis) async throws {
        let root = "signalbox:indexed:{\(cache.namespace)}"
        let start = "\(root):item:"
        let names = try server("KEYS", "\(root):item:*").strings.map { String($0.dropFirst(start.count)) }
        let living = try await cache.getMany(names.filter { $0 != "n" }, as: Item.self)
        var expected: [String: Set<String>] = [:]
        for (key, item) in living {
            for (index, value) in item.indexes { expected["\(root):index:\(index):\(value)", default: []].insert(key) }
        }
        for (index, values) in ["owner": ["o0", "o1", "o2"], "parity": ["0", "1"]] {
            for value in values {
                let key = "\(root):index:\(index):\(value)"
                let listed = try await cache.allKeysByIndex(index, value)
                guard nemesis != .evicting else {
                    #expect(listed.isSubset(of: expected[key] ?? []), "\(key)")
                    #expect(Set(try server("ZRANGE", key, "0", "-1").strings) == listed, "\(key)")
                    continue
                }
                #expect(listed == expected[key] ?? [], "\(key)")
                #expect(Set(try server("ZRANGE", key, "0", "-1").strings) == expected[key] ?? [], "\(key)")
            }
        }
        guard nemesis != .evicting else { return }
        #expect(Set(try server("KEYS", "\(root):index:*").strings) == Set(expected.keys))
        try await eventually("no end waits", within: .seconds(60)) {
            try server("EXISTS", "\(root):expired", "\(root):attempts") == 0
        }
        #expect(Set(try server("ZRANGE", "\(root):due", "0", "-1").strings) == Set(names))
        let kept = try server("KEYS", "\(root):kept:*").strings.map { String($0.dropFirst("\(root):kept:".count)) }
        #expect(Set(kept) == Set(names))
        #expect(try server("KEYS", "\(root):gone:*").strings == [])
    }
}
