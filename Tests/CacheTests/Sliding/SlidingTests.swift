import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct SlidingTests {
    @Test func `a read renews the life of an entry, up to an end that nothing moves`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("a", 1)
            #expect(try server.minutes("app:a") == 150)
            // Ten hours in steps of two: it would have ended after the first without reads.
            for left in [150, 150, 150, 135, 15] {
                try server.age(["app:a"], minutes: 120)
                #expect(try await cache.get("a", as: Int.self) == 1)
                #expect(try server.minutes("app:a") == left)
            }
            try server.age(["app:a"], minutes: 20)
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `what is not read ends after its idle time`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("a", 1)
            try server.age(["app:a"], minutes: 155)
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `every way to a value renews, and questions about entries do not`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let reads: [(String, () async throws -> Bool)] = [
                ("get", { try await cache.get("a", as: Int.self) == 1 }),
                ("get with a default", { try await cache.get("a", default: 2) == 1 }),
                ("lookup", { try await cache.lookup("a", as: Int.self).value == 1 }),
                ("getMany", { try await cache.getMany(["a", "b"], as: Int.self) == ["a": 1] }),
                ("remember", { try await cache.remember("a") { 2 } == 1 }),
                ("rememberForever", { try await cache.rememberForever("a") { 2 } == 1 }),
                ("getOrSet", { try await cache.getOrSet("a", .default) { 2 } == 1 }),
                ("cached", { try await cache.cached("a") { 2 } == 1 }),
                ("touch", { try await cache.touch("a") }),
            ]
            let questions: [(String, () async throws -> Bool)] = [
                ("exists", { try await cache.exists("a") == 1 }),
                ("ttl", { try await cache.ttl("a") != .missing }),
                ("keys", { try await cache.keys().count == 1 }),
                ("add", { try await cache.add("a", 3) == false }),
                ("compareAndSet", { try await cache.compareAndSet("a", expected: 9, new: 3) == false }),
            ]
            for (ways, left) in [(reads, 150), (questions, 90)] {
                for (name, use) in ways {
                    try await cache.set("a", 1)
                    try server.age(["app:a"], minutes: 60)
                    #expect(try await use(), "\(name)")
                    #expect(try server.minutes("app:a") == left, "\(name)")
                    try await cache.delete("a")
                }
            }
        }
    }

    @Test func `a time to live given is the idle time, never means no end and no sliding`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("short", 1, ttl: .after(.minutes(30)))
            try await cache.set("long", 1, ttl: .after(.minutes(1_000)))
            try await cache.set("ever", 1, ttl: .never)
            #expect(try server.minutes("app:long") == 615)
            try server.age(["app:short", "app:long", "app:ever"], minutes: 20)
            #expect(try await cache.getMany(["short", "long", "ever"], as: Int.self).count == 3)
            #expect(try server.minutes("app:short") == 30)
            #expect(try server.minutes("app:long") == 595)
            #expect(try server.minutes("app:ever") == -1)
        }
    }

    @Test func `entries slide by what was written into them, whatever their reader's options are`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let other = cache.with { $0.sliding = SlidingExpiry(idle: .minutes(5), upTo: .minutes(10)) }
            let plain = cache.with { $0.sliding = nil }
            try await cache.set("a", 1)
            try await plain.set("p", 1, ttl: .after(.minutes(200)))
            try server.age(["app:a", "app:p"], minutes: 60)
            #expect(try await plain.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 90, "it reads, and does not renew")
            #expect(try await other.getMany(["a", "p"], as: Int.self) == ["a": 1, "p": 1])
            #expect(try server.minutes("app:a") == 150)
            #expect(try server.minutes("app:p") == 140, "it has an end of its own")
        }
    }

    @Test func `counters, plain values and absent entries are read as ever`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.increment("n", by: 7)
            #expect(try server.minutes("app:n") == 60, "the default of a counter is the cache's")
            try server("SET", "app:text", "hello", "EX", "6000")
            try server("RPUSH", "app:list", "a")
            try server("EXPIRE", "app:list", "6000")
            try server.age(["app:n"], minutes: 30)
            #expect(try await cache.get("n", as: Int.self) == 7)
            #expect(try await cache.get("text", as: String.self) == "hello")
            #expect(try await cache.get("list", as: String.self) == nil)
            #expect(try await cache.get("none", as: String.self) == nil)
            #expect(try server.minutes("app:n") == 30)
            #expect(try server.minutes("app:text") == 100)
        }
    }

    @Test func `an end that was moved is bounded by the last one, and reads never bring it nearer`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("a", 1)
            #expect(try await cache.expire("a", after: .minutes(400)))
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 400)
            #expect(try await cache.expire("a", after: .minutes(5_000)))
            #expect(try server.minutes("app:a") == 615)
            #expect(try await cache.expire("a", at: Date(timeIntervalSinceNow: 86_400)))
            #expect(try server.minutes("app:a") == 615)
            #expect(try await cache.expire("a", after: .minutes(1)))
            #expect(try await cache.persist("a"))
            #expect(try server.minutes("app:a") == 615)
            #expect(try await cache.with { $0.sliding = nil }.touch("a"))
            #expect(try server.minutes("app:a") == 150)
            try server.age(["app:a"], minutes: 60)
            #expect(try await cache.expire("a", after: .minutes(1)))
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 150, "a read renews as ever")
        }
    }

    @Test func `tags bound the last end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides).with { $0.longestTagLife = .minutes(200) }
            try await cache.set("a", 1, tags: ["t"])
            let loaded: Int = try await cache.remember("b", tags: ["t"], options: .init(jitter: 0)) { 2 }
            #expect(loaded == 2)
            for (minutes, left) in [(120, 80), (60, 20)] {
                try server.age(["app:a", "app:b"], minutes: minutes)
                #expect(try await cache.getMany(["a", "b"], as: Int.self) == ["a": 1, "b": 2])
                #expect(try server.minutes("app:a") == left)
                #expect(try server.minutes("app:b") == left)
            }
            await expectError(.invalidArgument) {
                try await cache.set("c", 1, ttl: .after(.minutes(201)), tags: ["t"])
            }
            try await cache.invalidate(tags: "t")
            #expect(try await cache.get("a", as: Int.self, tags: ["t"]) == nil)
            #expect(try await cache.get("b", as: Int.self) == nil)
        }
    }

    @Test func `a conditional write keeps the idle time and the last end of what it replaces`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            for other in [cache, cache.with { $0.sliding = nil }] {
                try await cache.set("a", 1)
                try server.age(["app:a"], minutes: 120)
                #expect(try await other.compareAndSet("a", expected: 1, new: 2))
                #expect(try server.minutes("app:a") == 30)
                #expect(try await cache.get("a", as: Int.self) == 2)
                #expect(try server.minutes("app:a") == 150)
                #expect(try await cache.persist("a"))
                #expect(try server.minutes("app:a") == 495)
            }
            #expect(try await cache.compareAndSet("a", expected: 2, new: 3, ttl: .after(.minutes(50))))
            try server.age(["app:a"], minutes: 20)
            #expect(try await cache.get("a", as: Int.self) == 3)
            #expect(try server.minutes("app:a") == 50)
        }
    }

    @Test func `an entry that another program freed of its end is gone at its last`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            for isPersisted in [true, false] {
                try await cache.set("a", 1)
                try server("PERSIST", "app:a")
                try server.age(["app:a"], minutes: 100)
                if !isPersisted {
                    #expect(try await cache.get("a", as: Int.self) == 1)
                    #expect(try server.minutes("app:a") == 150, "it has an end again")
                    try server("PERSIST", "app:a")
                }
                try server.age(["app:a"], minutes: 520)
                #expect(try await cache.get("a", as: Int.self) == nil)
                #expect(try server("EXISTS", "app:a") == 0)
            }
        }
    }

    @Test func `many entries are read in one round trip, each renewed by its own terms`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let names = (0..<300).map { "k\($0)" }
            try await cache.setMany(Dictionary(uniqueKeysWithValues: names.map { ($0, $0) }))
            try await cache.set("k7", "k7", ttl: .after(.minutes(70)))
            try server.age(names.map { "app:" + $0 }, minutes: 60)
            _ = try await cache.get("k0", as: String.self)
            try server("CONFIG", "RESETSTAT")
            let found = try await cache.getMany(names + ["none"], as: String.self)
            #expect(found.count == 300 && found.allSatisfy { $0.key == $0.value })
            #expect(try server.calls(of: "evalsha") == 3, "one for each 128")
            for name in names { #expect(try server.minutes("app:" + name) == (name == "k7" ? 70 : 150)) }
            try server("CONFIG", "RESETSTAT")
            _ = try await cache.get("k1", as: String.self, tags: ["t"])
            #expect(try server.calls(of: "evalsha") == 1)
            #expect(try server.calls(of: "ttl") == 0 && server.calls(of: "get") == 0)
        }
    }

    @Test func `options that cannot work together are refused`() async throws {
        try await withRedis { _, redis in
            func isRefused(_ change: (inout CacheOptions) -> Void) async -> String? {
                let cache = RedisCache(redis, prefix: "app", options: .slides).with(change)
                return await expectError(.invalidArgument) { try await cache.get("a", as: Int.self) }?.message
            }
            #expect(await isRefused { $0.near = NearCacheOptions() }?.contains("near cache") == true)
            #expect(await isRefused { $0.remember = .failSafe }?.contains("failSafe") == true)
            for (idle, upTo) in [(0, 10), (10, 0), (20, 10), (-1, 10), (10, 400_000_000_000)] {
                let sliding = SlidingExpiry(idle: .milliseconds(idle), upTo: .milliseconds(upTo))
                #expect(await isRefused { $0.sliding = sliding } != nil)
            }
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            await expectError(.invalidArgument) { try await cache.remember("a", options: .failSafe) { 1 } }
            let index = IndexedCache(redis, namespace: "n", options: .slides)
            await expectError(.invalidArgument) { try await index.get("a", as: Int.self) }
        }
    }
}
