import Foundation
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: the flaws of the requirement documents in keys, patterns and deletions of a cache, one test each.
@Suite struct CacheKeySeedTests {
    @Test func `seed 000: keys were listed with KEYS, which blocks the server`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.setMany(["a:1": 1, "a:2": 2, "b": 3])
            #expect(Set(try await cache.keys()) == ["a:1", "a:2", "b"])
            #expect(try await cache.deleteMany(matching: "a:*") == 2)
            #expect(try await cache.flush() == 1)
            #expect(try server.calls(of: "keys") == 0)
            #expect(try server.calls(of: "scan") >= 3)
        }
    }

    @Test(arguments: ["app*", "a?p", "[ab]pp", "a\\pp"])
    func `seed 000: a prefix was a pattern and matched other applications' keys`(prefix: String) async throws {
        try await withRedis { _, redis in
            let names = ["app", "app2", "bpp", "a\\pp", "axp"].filter { $0 != prefix }
            let others = names.map { RedisCache(redis, prefix: $0, options: .unhurried) }
            for other in others { try await other.set("k", 1) }
            let cache = RedisCache(redis, prefix: prefix, options: .unhurried)
            try await cache.set("k", 2)
            #expect(try await cache.keys() == ["k"])
            #expect(try await cache.flush() == 1)
            for other in others { #expect(try await other.get("k") == 1) }
        }
    }

    @Test func `seed 000: deleting no keys was an error of the server`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let none = try await cache.delete()
            #expect(none == 0)
            #expect(try await cache.deleteMany([]) == 0)
            #expect(try await cache.deleteMany(matching: "none:*") == 0)
            for command in ["del", "unlink", "evalsha", "eval"] { #expect(try server.calls(of: command) == 0) }
        }
    }

    @Test func `seed 001: SCAN names keys twice, and so did the iterator`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<4_096).map { ("k\($0)", 0) }))
            var cursor = "0"
            func page() throws -> [String] {
                let reply = try server("SCAN", cursor, "COUNT", "1").array ?? []
                cursor = reply.first?.string ?? "0"
                return reply.last?.strings ?? []
            }
            // A third of the way, with SCAN itself and with the cache's iterator.
            var raw: [String] = []
            while raw.count < 1_400 { raw += try page() }
            var iterator = cache.scan(pageSize: 1).makeAsyncIterator()
            var seen: [String] = []
            while seen.count < raw.count, let key = try await iterator.next() { seen.append(key) }
            #expect(raw == seen.map { "app:\($0)" })
            // The server makes its table smaller: the last places share one with what comes next.
            let kept = Set(seen.suffix(40))
            try await cache.deleteMany((0..<4_096).map { "k\($0)" }.filter { !kept.contains($0) })
            try await eventually("the table is small") {
                let table = try server("DEBUG", "HTSTATS", "0").string ?? ""
                return table.contains("table size: 64\n") && !table.contains("rehashing target")
            }
            var rest: [String] = []
            repeat { rest += try page() } while cursor != "0"
            #expect(!Set(rest).isDisjoint(with: kept.map { "app:\($0)" }), "SCAN did not repeat itself: no test")
            while let key = try await iterator.next() { seen.append(key) }
            #expect(seen.count == Set(seen).count)
        }
    }

    @Test func `seed 001: the iterator leaked the prefix`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).namespace("users")
            try await cache.setMany(["1": 1, "app:users:2": 2, "a*{b}": 3])
            var names: [String] = []
            for try await name in cache.scan(pageSize: 1) { names.append(name) }
            #expect(names.sorted() == ["1", "a*{b}", "app:users:2"])
            // A name is one that reads what it names.
            for name in names { #expect(try await cache.exists(name) == 1) }
            let outer = RedisCache(redis, prefix: "app", options: .unhurried)
            #expect(try await outer.keys(matching: "users:1") == ["users:1"])
        }
    }

    private struct NoCluster: Error {}

    @Test func `seed 001: deleting and renaming several keys failed in a cluster`() async throws {
        try await withClusterServer { server, configuration in
            guard case .error(let refusal) = try server("DEL", "app:a", "app:b") else { throw NoCluster() }
            #expect(refusal.contains("CROSSSLOT"))
            try await withClient(configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                let names = (0..<100).map { "k\($0)" }
                for name in names { try await cache.set(name, 1) }
                #expect(try await cache.delete("k0", "k1", "none") == 2)
                #expect(try await cache.deleteMany(names.prefix(50)) == 48)
                #expect(try await cache.deleteMany(matching: "k9*") == 10)
                #expect(try await cache.flush() == 40)
                let store = RedisKeyValueStore(redis, prefix: "app", timeout: .seconds(60))
                for name in names { try await store.set(name, 1) }
                #expect(try await store.deleteKeys(names) == 100)
                // What no cluster can do is told, and nothing is lost.
                try await cache.set("a", 1)
                let error = await expectError(.unavailable) { try await cache.rename("a", to: "b") }
                #expect((error?.underlying as? RedisError)?.code == .crossSlot)
                #expect(error?.isEffectUnknown == false)
                #expect(try server("EXISTS", "app:a") == 1)
            }
        }
    }

    @Test func `seed 003: deletePattern read all keys and then sent one huge DEL`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await VerbTrial.many(cache)
            let monitor = try server.connect(timeout: .seconds(20))
            _ = try monitor.call(["MONITOR"])
            #expect(try await cache.deleteMany(matching: "m:*") == 1_200)
            try server("ECHO", "the end")
            var asked: [String] = []
            while let line = try monitor.receive().string, !line.contains("\"the end\"") { asked.append(line) }
            let scans = asked.indices.filter { asked[$0].contains("\"SCAN\"") }
            let deletions = asked.filter { $0.contains("\"UNLINK\"") || $0.contains("\"DEL\"") }
            #expect(deletions.count == 2_400, "an entry and its lease")
            #expect(deletions.allSatisfy { $0.components(separatedBy: "app:m:").count == 2 }, "one key each")
            let first = try #require(asked.firstIndex { $0.contains("\"UNLINK\"") })
            #expect(try first < #require(scans.last), "what was found is deleted before all is found")
            #expect(try server("DBSIZE") == 0)
        }
    }
}
