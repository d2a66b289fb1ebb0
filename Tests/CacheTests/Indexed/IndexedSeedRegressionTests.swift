import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: every flaw of requirement 004, by name.
@Suite struct IndexedSeedRegressionTests {
    private func members(_ server: RedisServer, _ index: String) throws -> [String] {
        try server("ZRANGE", "signalbox:indexed:{n}:index:\(index)", "0", "-1").strings.sorted()
    }

    @Test func `004 ✗ an item that expires stays in the index`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("short", 1, ttl: .after(.milliseconds(20)), indexes: ["user": "alice"])
            try await cache.set("long", 2, indexes: ["user": "alice"])
            try await eventually("it expired") { try await !cache.exists("short") }
            #expect(try await cache.allKeysByIndex("user", "alice") == ["long"])
            #expect(try members(server, "user:alice") == ["long"])
        }
    }

    @Test func `004 ✗ an index that nobody asks keeps the members of items that expired`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            for round in 0..<20 {
                try await cache.set("k\(round)", 1, ttl: .after(.milliseconds(5)), indexes: ["user": "alice"])
            }
            try await eventually("they expired") {
                try await cache.getMany((0..<20).map { "k\($0)" }, as: Int.self) == [:]
            }
            try await cache.set("last", 1, ttl: .after(.milliseconds(5)), indexes: ["user": "alice"])
            #expect(try members(server, "user:alice").count <= 1)
            // And the last of them takes the index with it, without anybody asking.
            try await eventually("the index ended") { try server("DBSIZE") == 0 }
        }
    }

    @Test func `004 ✗ delete without the indexes named again leaves members`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1, indexes: ["user": "alice", "session": "s1"])
            #expect(try await cache.delete("a"))
            #expect(try await !cache.delete("a"))
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `004 ✗ set with a changed index value leaves the old one`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1, indexes: ["user": "alice", "session": "s1"])
            try await cache.set("a", 2, indexes: ["user": "bob", "session": "s1"])
            #expect(try members(server, "user:alice") == [])
            #expect(try await cache.allByIndex("user", "bob", as: Int.self) == ["a": 2])
            #expect(try await cache.allByIndex("session", "s1", as: Int.self) == ["a": 2])
            try await cache.set("a", 3)
            #expect(try server("DBSIZE") == 1, "a set without indexes takes it out of all")
        }
    }

    @Test func `004 ✗ an evicted item is listed`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2]) { _, _ in ["user": "alice"] }
            try server("DEL", "signalbox:indexed:{n}:item:a")
            let page = try await cache.getByIndex("user", "alice", as: Int.self)
            #expect(page.items.map(\.key) == ["b"] && page.pruned == 1)
            #expect(try members(server, "user:alice") == ["b"])
        }
    }

    @Test func `004 ✗ an item that came back with another value is listed under the old one`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1, indexes: ["user": "alice"])
            try server("DEL", "signalbox:indexed:{n}:item:a")
            // The new item cannot know where the lost one was listed.
            try await cache.set("a", 2, indexes: ["user": "bob"])
            #expect(try members(server, "user:alice") == ["a"])
            #expect(try await cache.allKeysByIndex("user", "alice") == [])
            #expect(try await cache.allKeysByIndex("user", "bob") == ["a"])
            #expect(try members(server, "user:alice") == [])
        }
    }

    @Test func `004 ✗ update is read-modify-write and loses updates`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", [String: Int]())
            try await withClient(server.configuration) { second in
                let caches = [cache, IndexedCache(second, namespace: "n", options: .unhurried)]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for writer in 0..<8 {
                        group.addTask {
                            for round in 0..<10 {
                                let field = ["w\(writer)r\(round)": round]
                                let isDone = try await caches[writer % 2].update("a", merging: field)
                                #expect(isDone)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(try await cache.get("a", as: [String: Int].self)?.count == 80)
        }
    }

    @Test func `004 ✗ update resurrects an item that expired or was deleted`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            #expect(try await cache.update("a", ["x": 1]) == false)
            try await cache.set("a", ["x": 1], indexes: ["user": "alice"])
            var calls = 0
            let result = try await cache.update("a", as: [String: Int].self) { value in
                calls += 1
                value["y"] = 1
                // It goes between the reading and the writing.
                _ = try server("DEL", "signalbox:indexed:{n}:item:a")
            }
            #expect(result == nil && calls == 1)
            #expect(try await !cache.exists("a"))
        }
    }

    @Test func `004 ✗ get_by_index asks once for each item`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            let values = Dictionary(uniqueKeysWithValues: (0..<100).map { ("k\($0)", $0) })
            try await cache.setMany(values) { _, _ in ["user": "alice"] }
            _ = try await cache.getByIndex("user", "nobody", as: Int.self)
            let before = try server.calls(of: "evalsha")
            #expect(try await cache.getByIndex("user", "alice", as: Int.self).items.count == 100)
            #expect(try server.calls(of: "evalsha") == before + 1)
        }
    }

    @Test func `004 ✗ index keys collide with keys of data`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let names = [
                "index:user:alice", "due", "expired", "attempts", "kept:a", "item:a", "gone:1:a", "}:index:user:alice",
                "a%3Ab", "a:b", "*", "user\u{1}alice\u{2}", "é", "e\u{301}",
            ]
            for name in names { try await cache.set(name, name, indexes: ["user": name, name: "alice"]) }
            for name in names {
                #expect(try await cache.get(name) == name)
                #expect(try await cache.allKeysByIndex("user", name) == [name], "\(name)")
                #expect(try await cache.allKeysByIndex(name, "alice") == [name], "\(name)")
            }
            // Colons do not move text between a name and a value.
            try await cache.set("x", 1, indexes: ["a:b": "c"])
            #expect(try await cache.allKeysByIndex("a", "b:c") == [])
            #expect(try await cache.clearNamespace() == names.count + 1)
        }
    }

    @Test func `004 ✗ clear_namespace leaves the indexes`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2]) { key, _ in ["user": key, "all": "all"] }
            try await cache.increment("count")
            try server("DEL", "signalbox:indexed:{n}:item:a")
            #expect(try await cache.clearNamespace() == 2)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `004 ✗ get_ttl says the same of missing and of endless`() async throws {
        try await withRedis(.init(immortalKeyPrefixes: ["signalbox:indexed:{n}"])) { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1, ttl: .never)
            #expect(try await cache.getTTL("a") == .never)
            #expect(try await cache.getTTL("b") == .missing)
        }
    }

    @Test func `004 ✗ increment begins the time to live anew each time, or never sets it`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.increment("a", ttl: .after(.seconds(100)))
            try server("PEXPIRE", "signalbox:indexed:{n}:item:a", "50000")
            #expect(try await cache.increment("a", ttl: .after(.seconds(100))) == 2)
            guard case .remaining(let left) = try await cache.getTTL("a") else {
                Issue.record("it must have one")
                return
            }
            #expect(left <= .seconds(50))
        }
    }
}
