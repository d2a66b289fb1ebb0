import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 under load for writes through the cache: never the older value stays.
@Suite struct WriteThroughNemesisTests {
    private let options = CacheOptions(
        timeout: .milliseconds(300),
        remember: RememberOptions(loadLease: .seconds(5), waitForOthers: .milliseconds(200)))

    @Test(arguments: Nemesis.allCases)
    func `nothing of before a write is read once the write has told what became of the entry`(
        nemesis: Nemesis
    ) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let truth = Truth(4)
            let caches = [one, other].map { RedisCache($0, prefix: "app", options: options) }
            for (client, cache) in caches.enumerated() {
                for number in 0..<truth.count {
                    // Of both clients, so that two change one thing at once.
                    load.add("writer \(number) of \(client)") { _ in
                        let result = try await write(cache, truth, number)
                        // `unknown` promises nothing.
                        if result.outcome != .unknown { truth.invalidated(number, to: result.value ?? 0) }
                    }
                }
                load.add("reader \(client)") { step in
                    let number = step % truth.count
                    let floor = truth.floor(number)
                    let value = try await cache.remember("k\(number)") { truth.version(number) }
                    if value < floor { load.note("k\(number) is \(value) after \(floor) was written") }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            for number in 0..<truth.count {
                try await eventually("a write is stored", within: .seconds(60)) {
                    try await write(caches[0], truth, number).outcome == .stored
                }
                // `get` takes an outage for a miss: a client whose circuit is open for another moment is asked again.
                for cache in caches {
                    var value: Int?
                    try await eventually("a value is read", within: .seconds(60)) {
                        value = try await cache.get("k\(number)", as: Int.self)
                        return value != nil
                    }
                    #expect(value == truth.version(number))
                }
            }
        }
    }

    private func write(
        _ cache: RedisCache, _ truth: Truth, _ number: Int
    ) async throws -> (value: Int?, outcome: CacheWriteOutcome) {
        try await cache.writeThrough("k\(number)", lease: .seconds(2)) { truth.change(number) }
    }

    /// No write comes after the last ones to cover what they have left.
    @Test(arguments: Nemesis.allCases)
    func `a repository holds what its source has in the end, without another write`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let truth = Truth(4)
            let users = [one, other].map { redis in
                CachedRepository<Int, Int>(
                    RedisCache(redis, prefix: "app", options: options), entity: "user", lease: .seconds(2)
                ) { truth.version($0) }
            }
            for (client, repository) in users.enumerated() {
                for number in 0..<truth.count {
                    load.add("writer \(number) of \(client)") { _ in
                        try await repository.update(number) { truth.change(number) }
                    }
                }
                load.add("reader \(client)") { step in _ = try await repository.find(step % truth.count) }
                load.add("lister \(client)") { _ in _ = try await sum(repository, truth) }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            try await eventually("nothing waits", within: .seconds(60)) {
                users.allSatisfy { $0.invalidator.pending == 0 }
            }
            for repository in users {
                for number in 0..<truth.count {
                    #expect(try await repository.find(number) == truth.version(number))
                }
                let expected = (0..<truth.count).reduce(0) { $0 + truth.version($1) }
                // What a stamp had invalidated counts again when Redis evicts the stamp.
                if nemesis != .evicting { #expect(try await sum(repository, truth) == expected) }
            }
        }
    }

    private func sum(_ repository: CachedRepository<Int, Int>, _ truth: Truth) async throws -> Int {
        try await repository.list("sum") { (0..<truth.count).reduce(0) { $0 + truth.version($1) } }
    }
}
