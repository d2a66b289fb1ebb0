import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct ReapTests {
    @Test func `what is dead is deleted, what lives stays, and both are counted`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<300).map { ("dead\($0)", $0) }))
            try await cache.namespace("deep").set("dead", "x")
            try await cache.clear()
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<200).map { ("alive\($0)", $0) }))
            try await cache.setMany(["tagged0": 0, "tagged1": 1], tags: ["t"])
            try await cache.set("other", 1, tags: ["u"])
            try await cache.invalidate(tags: "t")
            let found = try await cache.reap(page: 50)
            #expect(found.deleted == 303)
            #expect(found.examined >= 504)
            #expect(found.isComplete)
            #expect(try server("KEYS", "app:*").strings.count == 201)
            #expect(try await cache.get("other", as: Int.self) == 1)
            #expect(try server.calls(of: "scan") > 5)
            #expect(try await cache.reap().deleted == 0)
        }
    }

    @Test func `after a complete walk the namespace's stamp has an end, and not before`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<100).map { ("k\($0)", $0) }), ttl: .never)
            try await cache.clear()
            #expect(try server("PTTL", "{app}:epoch") == -1)
            let part = try await cache.reap(page: 10, atMost: 1)
            #expect(!part.isComplete && part.deleted < 100)
            #expect(try server("PTTL", "{app}:epoch") == -1)
            #expect(try await cache.reap().isComplete)
            let left = try #require(try server("PTTL", "{app}:epoch").int)
            #expect(left > 3_500_000 && left <= 3_600_000)
            #expect(try server("DBSIZE") == 1)
        }
    }

    @Test func `a walk that may not read what it finds is not complete, and says so`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1)
            try await cache.clear()
            try server("ACL", "SETUSER", "default", "-getrange")
            await expectError(.unavailable) { try await cache.reap() }
            #expect(try server("PTTL", "{app}:epoch") == -1)
            try server("ACL", "SETUSER", "default", "+getrange")
            // What is of another kind is none of ours.
            try server("RPUSH", "app:list", "x")
            #expect(try await cache.reap().deleted == 1)
            try server("DEL", "app:list")
        }
    }

    @Test func `a stamp that is newer than the walk keeps living`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.clear()
            let old = try #require(try server("GET", "{app}:epoch").string)
            try await cache.clear()
            let retired: Int = try await redis.evaluate(
                TagScripts.retire, keys: ["{app}:epoch"], arguments: [old, 60_000])
            #expect(retired == 0)
            #expect(try server("PTTL", "{app}:epoch") == -1)
            try await cache.reap()
        }
    }

    @Test func `an entry that is overwritten between the look and the deletion is not deleted`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1, tags: ["t"])
            let bytes = try #require(try await cache.mget(["app:a"], "test", key: nil)[0])
            let written = try #require(StoredEntry(bytes)?.envelope?.written)
            try await cache.invalidate(tags: "t")
            try await cache.set("a", 2, tags: ["t"])
            let byTag: Int = try await redis.evaluate(TagScripts.reap, keys: ["app:a"], arguments: [0, "\(written)"])
            #expect(byTag == 0)
            let byEpoch: Int = try await redis.evaluate(TagScripts.reap, keys: ["app:a"], arguments: [written, ""])
            #expect(byEpoch == 0)
            #expect(try await cache.get("a", as: Int.self) == 2)
        }
    }

    @Test func `counters, other programs' values and other kinds of keys stay`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("SET", "app:counter", "42", "PX", "600000")
            try server("SET", "app:short", "\u{FB}", "PX", "600000")
            try server("RPUSH", "app:list", "x")
            try server("PEXPIRE", "app:list", "600000")
            try server("SET", "app2:a", "42", "PX", "600000")
            try await cache.clear()
            #expect(try await cache.reap().deleted == 0)
            #expect(try server("DBSIZE") == 5)
        }
    }

    @Test func `entries with the longest headers are understood`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let tags = (0..<64).map { String(repeating: "x", count: 250) + "\($0)" }
            try await cache.set("dead", String(repeating: "y", count: 5_000), tags: tags)
            try await cache.set("alive", 1, tags: Array(tags.dropLast()))
            try await cache.invalidate(tags: tags[63])
            let found = try await cache.reap()
            #expect(found.deleted == 1)
            #expect(try await cache.get("alive", as: Int.self) == 1)
        }
    }

    @Test func `a cache without a prefix is not reaped`() async throws {
        try await withRedis { server, redis in
            try await RedisCache(redis, prefix: "other", options: .unhurried).set("a", 1)
            let all = RedisCache(redis, prefix: "", options: .unhurried)
            await expectError(.invalidArgument) { try await all.reap() }
            await expectError(.invalidArgument) { try await RedisCache(redis).reap(page: 0) }
            #expect(try server("EXISTS", "other:a") == 1)
        }
    }

    @Test func `glob characters of a prefix match nothing but themselves`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "a*", options: .unhurried)
            try await RedisCache(redis, prefix: "ab", options: .unhurried).set("x", 1)
            try await cache.set("x", 1)
            try await cache.clear()
            #expect(try await cache.reap().deleted == 1)
            #expect(try server("EXISTS", "ab:x") == 1)
        }
    }
}
