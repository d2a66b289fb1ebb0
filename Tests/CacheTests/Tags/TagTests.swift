import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct TagTests {
    @Test func `an invalidated tag ends all entries that have it, and no other`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1, tags: ["user:7", "admins"])
            try await cache.set("b", 2, tags: ["admins"])
            try await cache.set("c", 3, tags: ["user:8"])
            try await cache.set("d", 4)
            try await cache.invalidate(tags: "admins")
            #expect(try await cache.getMany(["a", "b", "c", "d"], as: Int.self) == ["c": 3, "d": 4])
            #expect(try await cache.get("a", as: Int.self, tags: ["user:7", "admins"]) == nil)
            #expect(try await cache.get("c", as: Int.self, tags: ["user:8"]) == 3)
        }
    }

    @Test func `a value set after the invalidation lives`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for value in 1...50 {
                try await cache.invalidate(tags: "t")
                try await cache.set("a", value, tags: ["t"])
                #expect(try await cache.get("a") == value)
            }
        }
    }

    @Test func `tags are shared by a root's namespaces and instances, and by no other prefix`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let app = RedisCache(redis, prefix: "app", options: .unhurried)
                let elsewhere = RedisCache(second, prefix: "app", options: .unhurried).namespace("users").tenant("acme")
                let other = RedisCache(redis, prefix: "app2", options: .unhurried)
                try await app.set("a", 1, tags: ["t"])
                try await elsewhere.set("a", 2, tags: ["t"])
                try await other.set("a", 3, tags: ["t"])
                try await app.namespace("jobs").invalidate(tags: "t")
                #expect(try await app.get("a", as: Int.self) == nil)
                #expect(try await elsewhere.get("a", as: Int.self) == nil)
                #expect(try await other.get("a", as: Int.self) == 3)
            }
        }
    }

    @Test func `one round trip and one key a tag, however many entries there are`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let values = Dictionary(uniqueKeysWithValues: (0..<1_000).map { ("k\($0)", $0) })
            try await cache.setMany(values, tags: ["t", "u"])
            try await cache.invalidate(tags: "warm")
            let before = try server.calls(of: "evalsha")
            try await cache.invalidate(tags: "t", "u", "v")
            #expect(try server.calls(of: "evalsha") == before + 1)
            #expect(try server("DBSIZE") == .integer(1_000 + 4))
            #expect(try await cache.getMany(values.keys, as: Int.self).isEmpty)
            #expect(try server.calls(of: "scan") == 0)
            #expect(try server.calls(of: "keys") == 0)
        }
    }

    @Test func `clearing ends a namespace with those in it, at once and for everybody, and no other`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["{app:users}:epoch"])) { server, redis in
            try await withClient(server.configuration) { second in
                let app = RedisCache(redis, prefix: "app", options: .unhurried)
                let users = app.namespace("users")
                let deep = RedisCache(second, prefix: "app", options: .unhurried).namespace("users").namespace("eu")
                try await app.set("a", 1)
                try await users.set("a", 2)
                try await users.set("b", 2, ttl: .after(.seconds(60)), tags: ["t"])
                try await deep.set("a", 3)
                try await app.namespace("users2").set("a", 4)
                let before = try server.calls(of: "evalsha") + server.calls(of: "eval")
                try await RedisCache(second, prefix: "app", options: .unhurried).namespace("users").clear()
                #expect(try server.calls(of: "evalsha") + server.calls(of: "eval") - before <= 2)
                #expect(try await users.getMany(["a", "b"], as: Int.self).isEmpty)
                #expect(try await deep.get("a", as: Int.self) == nil)
                #expect(try await app.get("a", as: Int.self) == 1)
                #expect(try await app.namespace("users2").get("a", as: Int.self) == 4)
                try await users.set("a", 5)
                #expect(try await users.get("a", as: Int.self) == 5)
            }
        }
    }

    @Test func `a stamp is remembered for as long as the longest of those who share the tag asks`() async throws {
        try await withRedis { server, redis in
            let long = RedisCache(redis, prefix: "app", options: .unhurried)
            let short = long.with { $0.longestTagLife = .seconds(1_000) }
            try await long.invalidate(tags: "t")
            try await short.invalidate(tags: "t", "s")
            let left = try #require(try server("PTTL", "{app}:tag:t").int)
            #expect(left > 29 * 86_400_000)
            // An hour more, for entries that were being loaded.
            let other = try #require(try server("PTTL", "{app}:tag:s").int)
            #expect(other > 3_600_000 && other <= 4_600_000)
        }
    }

    @Test func `what cannot be a tag is refused before anything is sent`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            await expectError(.invalidArgument) { try await cache.invalidate(tags: "ok", "") }
            await expectError(.invalidArgument) { try await cache.invalidate(tags: String(repeating: "x", count: 256)) }
            try await cache.invalidateAll(tags: [])
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `any text is a tag, and none reaches another's stamp`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let tags = ["a", "{app2}:tag:a", "a*", "é", "\u{1}", "a:b", "%61"]
            for (index, tag) in tags.enumerated() { try await cache.set("k\(index)", index, tags: [tag]) }
            for (index, tag) in tags.enumerated() {
                try await cache.invalidate(tags: tag)
                let left = try await cache.getMany((0..<tags.count).map { "k\($0)" }, as: Int.self)
                #expect(left.count == tags.count - index - 1)
            }
            #expect(try server("KEYS", "{app}:tag:*").strings.count == tags.count)
        }
    }

    @Test func `more tags than one script takes are invalidated too`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.invalidateAll(tags: (0..<2_500).map { "t\($0)" })
            #expect(try server("DBSIZE") == 2_500)
        }
    }

    @Test func `Redis being away is told`() async throws {
        try await withRedis { server, redis in
            let patient = RedisCache(redis, prefix: "app", options: .unhurried)
            let cache = patient.with { $0.timeout = .milliseconds(300) }
            try await patient.set("a", 1, tags: ["t"])
            await server.kill()
            await expectError(.unavailable) { try await cache.invalidate(tags: "t") }
            await expectError(.unavailable) { try await cache.clear() }
            try await server.start()
        }
    }
}
