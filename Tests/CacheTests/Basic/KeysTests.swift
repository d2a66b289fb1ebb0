import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct KeysTests {
    @Test func `keys are those of the documents`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.namespace("users").set("1", "a")
            try await cache.tenant("acme").namespace("users").set("1", "b")
            try await RedisCache(redis, options: .unhurried).set("1", "c")
            let keys = try server("KEYS", "*").array?.compactMap(\.string).sorted()
            #expect(keys == ["myapp:tenant:acme:users:1", "myapp:users:1", "signalbox:cache:1"])
            #expect(try await cache.get("users:1") == "a")
        }
    }

    @Test func `no tenant's id and no key reaches into another's entries`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let hostile = ["a", "a:b", "*", "{x}", "a%3Ab", "..", "é", "e\u{301}", "tenant:a"]
            for id in hostile { try await cache.tenant(id).set("b:c", id) }
            for id in hostile { #expect(try await cache.tenant(id).get("b:c") == id) }
            #expect(try await cache.tenant("a:b").get("c", as: String.self) == nil)
        }
    }

    @Test func `how many exist is counted without reading values, each key once`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("a", String(repeating: "x", count: 100_000))
            try await cache.set("b", 1, tags: (0..<60).map { "a-long-tag-number-\($0)" })
            try server("RPUSH", "myapp:list", "x")
            #expect(try await cache.exists("a", "a", "b", "c", "list") == 2)
            // As a read finds it: a list is no value.
            #expect(try await cache.get("list", as: String.self) == nil)
            #expect(try await cache.exists() == 0)
            try server("DEL", "myapp:list")
        }
    }

    @Test func `a renamed entry keeps its value and its end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("old", 7, ttl: .after(.seconds(60)))
            #expect(try await cache.rename("old", to: "new"))
            #expect(try await cache.get("new", as: Int.self) == 7)
            #expect(try server("PTTL", "myapp:new").int ?? 0 > 0)
            #expect(try await cache.rename("old", to: "new") == false)
        }
    }

    @Test func `a key of another type is told as such`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try server("RPUSH", "myapp:list", "x")
            await expectError(.wrongType) { try await cache.increment("list") }
            // MGET answers null for what is no string.
            #expect(try await cache.get("list", as: String.self) == nil)
        }
    }

    @Test func `a value beyond the guard is refused before anything is sent`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(maxValueBytes: 10, timeout: .seconds(60))
            let cache = RedisCache(redis, prefix: "myapp", options: options)
            await expectError(.tooLarge) { try await cache.set("a", "12345678901") }
            try await cache.set("a", "1234567890")
            await expectError(.invalidArgument) { try await cache.set("", 1) }
            await expectError(.invalidArgument) {
                try await cache.get(String(repeating: "k", count: 1_025), as: Int.self)
            }
            #expect(try server("DBSIZE").int == 1)
        }
    }

    @Test func `an entry of another schema counts as missing unless it is readable`() async throws {
        try await withRedis { _, redis in
            let old = RedisCache(redis, prefix: "myapp", options: CacheOptions(schema: 1, timeout: .seconds(60)))
            try await old.set("u", 1)
            let new = old.with { $0.schema = 2 }
            #expect(try await new.get("u", as: Int.self) == nil)
            #expect(try await new.exists("u") == 0)
            #expect(try await new.with { $0.readableSchemas = 1...2 }.get("u", as: Int.self) == 1)
            // An invalid entry in its place does not keep a new one from being added.
            #expect(try await new.add("u", 2))
            #expect(try await new.get("u", as: Int.self) == 2)
        }
    }

    @Test func `a value of another program is read as the cache's format, a damaged entry is told`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try server("SET", "myapp:u", #"{"id":1,"name":"Ada","tags":[]}"#)
            #expect(try await cache.get("u") == User(id: 1, name: "Ada"))
            #expect(try await cache.get("u", as: String.self)?.count == 31)
            try await redis.set("myapp:broken", to: [0xFB, 9, 9] as [UInt8])
            await expectError(.undecodable) { try await cache.get("broken", as: Int.self) }
            guard case .undecodable = try await cache.lookup("broken", as: Int.self) else {
                Issue.record("a damaged entry passed for something else")
                return
            }
        }
    }

    @Test func `names that only look alike are two keys for every verb`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let (one, two) = ("caf\u{E9}", "cafe\u{301}")
            try await cache.set(one, 1)
            #expect(try await cache.exists(one, two) == 1)
            try await cache.set(two, 2)
            #expect(try await cache.exists(one, two, one) == 2)
            #expect(try await cache.get(two, as: Int.self) == 2)
            #expect(try await cache.delete(one, two) == 2)
        }
    }

    @Test func `a new process sees that a remembered value exists`() async throws {
        try await withRedis { server, redis in
            _ = try await RedisCache(redis, prefix: "myapp", options: .unhurried).remember("a") { 1 }
            try await withClient(server.configuration) { other in
                let cache = RedisCache(other, prefix: "myapp", options: .unhurried)
                #expect(cache.engine.serverTime == nil)
                let count = try await cache.exists("a", "none")
                #expect(count == 1)
                #expect(cache.engine.serverTime != nil)
            }
        }
    }
}
