import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What only the store in Redis can get wrong; each flaw of the seed documents has its test.
@Suite struct RedisKeyValueStoreTests {
    @Test func `a value stands under prefix, colon and key, without an end unless one is given`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("user:123", 1)
            try await store.set("otp:1", "123456", ttl: .oneTimePassword)
            try await RedisKeyValueStore(redis, timeout: .seconds(60)).set("a", 1)
            #expect(Set(try server("KEYS", "*").strings) == ["myapp:user:123", "myapp:otp:1", "kv:a"])
            #expect(try server("TTL", "myapp:user:123") == -1)
            let life = try #require(try server("PTTL", "myapp:otp:1").int)
            #expect((200_000...300_000).contains(life))
        }
    }

    @Test func `what another program stored is read as text and JSON`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try server("SET", "myapp:user:1", #"{"id":1,"name":"Ada","tags":[]}"#)
            try server("SET", "myapp:text", "plain")
            #expect(try await store.get("user:1") == User(id: 1, name: "Ada"))
            #expect(try await store.get("text", as: String.self) == "plain")
            #expect(try await store.keys().sorted() == ["text", "user:1"])
        }
    }

    @Test func `000: text of a user in a pattern or a prefix matches nobody else's keys`() async throws {
        try await withRedis(.init()) { _, redis in
            let store = RedisKeyValueStore(redis, prefix: "app*", timeout: .seconds(60))
            let neighbour = RedisKeyValueStore(redis, prefix: "app2", timeout: .seconds(60))
            for user in ["*", "a", "b", "[ab]", "a?", "\\*"] { try await store.set("session:\(user):1", user) }
            try await neighbour.set("session:a:1", "other")
            for user in ["*", "[ab]", "a?", "\\*"] {
                #expect(try await store.keys(matching: "session:\(user):*") == ["session:\(user):1"])
            }
            #expect(try await store.keys().count == 6)
            let hostile = "*"
            #expect(try await store.deleteKeys(matching: "session:\(hostile):*") == 1)
            #expect(try await neighbour.keys() == ["session:a:1"])
        }
    }

    @Test func `000: KEYS is never sent`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.cache.setMany(Dictionary(uniqueKeysWithValues: (0..<1_500).map { ("k\($0)", $0) }))
            #expect(Set(try await store.keys()) == Set((0..<1_500).map { "k\($0)" }))
            #expect(try await store.keys(matching: "k7").count == 1)
            #expect(try await store.deleteKeys(matching: "k1*") == 611)
            #expect(try server.calls(of: "keys") == 0)
            #expect(try server.calls(of: "scan") >= 6)
        }
    }

    @Test func `000: giant deletes are chunks of UNLINK in one write`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            let names = (0..<1_201).map { "k\($0)" }
            try await store.cache.setMany(Dictionary(uniqueKeysWithValues: names.map { ($0, 1) }))
            #expect(try await store.deleteKeys(names) == 1_201)
            #expect(try server("DBSIZE") == 0)
            #expect(try server.calls(of: "unlink") == 6, "three chunks, each of leases and of entries")
        }
    }

    @Test func `000: deleting no keys is nothing to do`() async throws {
        try await withRedis { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            let deleted = try await [
                store.deleteKeys(), store.deleteKeys([]), store.deleteKeys(matching: "session:*"),
            ]
            #expect(deleted == [0, 0, 0])
            #expect(try server.calls(of: "unlink") + server.calls(of: "del") == 0)
        }
    }

    @Test func `000: an outage is not a miss`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .milliseconds(200))
            try await RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60)).set("a", 1)
            await server.kill()
            await expectError(.unavailable) { try await store.find("a", as: Int.self) }
            await expectError(.unavailable) { try await store.get("a", as: Int.self) }
            await expectError(.unavailable) { try await store.set("a", 2) }
            await expectError(.unavailable) { try await store.delete("a") }
            await expectError(.unavailable) { try await store.keys() }
        }
    }

    @Test func `000: a load that began before a delete does not land after it`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            let subscription = try await redis.subscribe(channels: ["{myapp:a}:fill:wake:0"])
            try server("SET", "{myapp:a}:fill", "a loader's token", "PX", "60000")
            try await store.set("b", 1)
            #expect(try await store.deleteKeys("a", "b") == 1, "a lease is no value")
            #expect(try server("EXISTS", "{myapp:a}:fill") == 0)
            // Whoever waits for the load is told.
            for await event in subscription {
                if case .message = event { break }
            }
        }
    }

    @Test func `000: a row read before an update does not come back after its key was deleted`() async throws {
        try await withRedis(.init()) { _, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            let reading = TestSignal("the load has read the old row")
            let deleted = TestSignal("the row was changed and the key deleted")
            async let old = store.cache.remember("user:1") {
                reading.fire()
                try await deleted.wait(within: .seconds(60))
                return "old"
            }
            try await reading.wait(within: .seconds(60))
            try await store.delete("user:1")
            deleted.fire()
            _ = try await old
            #expect(try await store.find("user:1", as: String.self) == nil)
        }
    }

    @Test func `what belongs to an entry, and keys of other types, are no keys of the store`() async throws {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("a", 1)
            try server("SET", "{myapp:a}:fill", "x")
            try server("LPUSH", "myapp:list", "x")
            try server("SET", "myapp2:b", "x")
            #expect(try await store.keys() == ["a"])
            #expect(try await store.find("list", as: Int.self) == nil)
        }
    }

    @Test func `a key of another program that is not UTF-8 is undecodable, and a narrower pattern goes around it`()
        async throws
    {
        try await withRedis(.init()) { server, redis in
            let store = RedisKeyValueStore(redis, prefix: "myapp", timeout: .seconds(60))
            try await store.set("a", 1)
            try server("EVAL", #"return redis.call('SET', 'myapp:\255', '1')"#, "0")
            await expectError(.undecodable) { try await store.keys() }
            #expect(try await store.keys(matching: "a*") == ["a"])
        }
    }

    @Test func `the names of the documents' lives are what the documents say`() {
        let lives: [(CacheTTL, Int)] = [
            (.oneTimePassword, 300), (.session, 86_400), (.cached, 3_600), (.temporary, 900), (.report, 86_400),
            (.short, 300), (.medium, 3_600), (.long, 86_400),
        ]
        for (ttl, seconds) in lives { #expect(ttl == .after(.seconds(seconds))) }
    }

    @Test func `the client is at hand`() async throws {
        try await withRedis { _, redis in
            let store = RedisKeyValueStore(redis)
            #expect(store.redis === redis)
            try await store.redis.ping()
        }
    }
}
