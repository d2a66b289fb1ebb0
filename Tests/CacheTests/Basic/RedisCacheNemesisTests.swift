import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load for the verbs that decide something: each does it wholly, once, and loses nothing it acknowledged.
@Suite struct RedisCacheNemesisTests {
    private let options = CacheOptions(timeout: .milliseconds(300), failure: .closed)

    private func caches(_ clients: RedisClient...) -> [RedisCache] {
        clients.map { RedisCache($0, prefix: "app", options: options) }
    }

    /// A cache whose circuit is closed, and which waits for its answers.
    private func withFresh<T>(
        _ server: RedisServer, isolation: isolated (any Actor)? = #isolation, _ body: (RedisCache) async throws -> T
    ) async throws -> T {
        try await withClient(server.configuration) { redis in
            try await body(RedisCache(redis, prefix: "app", options: .unhurried))
        }
    }

    /// Who was told that the key is theirs, by key.
    private final class Winners: Sendable {
        private let winners = Mutex<[Int: [Int]]>([:])
        var all: [Int: [Int]] { winners.withLock { $0 } }
        func note(_ key: Int, _ client: Int) { winners.withLock { $0[key, default: []].append(client) } }
    }

    @Test(arguments: Nemesis.allCases)
    func `setMany is seen wholly or not at all, and add has one winner`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let winners = Winners()
            let clients = caches(one, other)
            let names = (0..<5).map { "many\($0)" }
            for (client, cache) in clients.enumerated() {
                load.add("setter \(client)") { step in
                    let value = step * 2 + client
                    try await cache.setMany(Dictionary(uniqueKeysWithValues: names.map { ($0, value) }))
                }
                load.add("reader \(client)") { _ in
                    let seen = try await cache.getMany(names, as: Int.self)
                    let isWhole = seen.isEmpty || seen.count == names.count || nemesis == .evicting
                    if !isWhole || Set(seen.values).count > 1 { load.note("part of setMany is seen: \(seen)") }
                }
                load.add("adder \(client)") { step in
                    if try await cache.add("add\(step)", client) { winners.note(step, client) }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            #expect(!winners.all.isEmpty)
            // What is lost may be won again.
            guard !nemesis.losesData else { return }
            let found = try await withFresh(server) { cache in
                try await cache.getMany(winners.all.keys.map { "add\($0)" }, as: Int.self)
            }
            for (key, told) in winners.all { #expect(told == [found["add\(key)"]], "add\(key)") }
        }
    }

    /// Changes that were acknowledged, and such that nobody knows of.
    private final class Changes: Sendable {
        private let counts = Mutex((sure: 0, unknown: 0))

        func note(_ body: () async throws -> Bool) async throws {
            do {
                if try await body() { counts.withLock { $0.sure += 1 } }
            } catch {
                counts.withLock { $0.unknown += 1 }
                throw error
            }
        }

        func range(_ nemesis: Nemesis) -> ClosedRange<Int> {
            counts.withLock { (nemesis.losesData ? 0 : $0.sure)...($0.sure + $0.unknown) }
        }
    }

    @Test(arguments: Nemesis.allCases)
    func `compareAndSet loses no update, and increment counts what it acknowledges`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0, .conflict) }
            let (swaps, counts) = (Changes(), Changes())
            let clients = caches(one, other)
            for (client, cache) in (clients + clients).enumerated() {
                load.add("swapper \(client)") { _ in
                    let seen = try await cache.get("swapped", as: Int.self)
                    try await swaps.note {
                        try await cache.compareAndSet("swapped", expected: seen, new: (seen ?? 0) + 1)
                    }
                }
                load.add("counter \(client)") { _ in
                    try await counts.note {
                        _ = try await cache.increment("counted")
                        return true
                    }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            try await withFresh(server) { cache in
                for (name, changes) in [("swapped", swaps), ("counted", counts)] {
                    let value = try await cache.get(name, as: Int.self) ?? 0
                    #expect(changes.range(nemesis).contains(value), "\(name): \(value) \(changes.range(nemesis))")
                }
            }
        }
    }
}
