import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct SlidingRememberTests {
    private static let steady = CacheOptions(
        timeout: .seconds(60), remember: RememberOptions(jitter: 0, early: .off), sliding: CacheOptions.slides.sliding)

    @Test func `a hit renews in its one round trip, with and without tags`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let source = Source()
            for tags in [[], ["t"]] {
                try await cache.delete("a")
                _ = try await cache.remember("a", tags: tags) { try await source.get() }
                for _ in 0..<3 {
                    try server.age(["app:a"], minutes: 120)
                    try server("CONFIG", "RESETSTAT")
                    #expect(try await cache.remember("a", tags: tags) { try await source.get() } == 1)
                    #expect(try server.calls(of: "evalsha") == 1)
                    // One inside the script, one of the stamps.
                    #expect(try server.calls(of: "mget") == 2)
                    #expect(try server.minutes("app:a") == 150)
                }
            }
            #expect(source.loads == 2)
        }
    }

    @Test func `a value that is read all the time is loaded anew at its last end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: Self.steady)
            let source = Source()
            for _ in 0..<11 {
                #expect(try await cache.remember("a") { try await source.get() } == 1)
                try server.age(["app:a"], minutes: 60)
            }
            #expect(source.loads == 1)
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            #expect(source.loads == 2)
            #expect(try server.minutes("app:a") == 150)
        }
    }

    @Test func `what is not read is loaded anew after its idle time`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: Self.steady)
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            try server.age(["app:a"], minutes: 155)
            _ = try await cache.remember("a") { try await source.get() }
            #expect(source.loads == 2)
        }
    }

    @Test func `an early refresh is early for the last end, and begins another life`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(
                timeout: .seconds(60), remember: RememberOptions(jitter: 0, early: .threshold(0.5)),
                sliding: CacheOptions.slides.sliding)
            let cache = RedisCache(redis, prefix: "app", options: options)
            let source = Source()
            for _ in 0..<5 {
                #expect(try await cache.remember("a") { try await source.get() } == 1)
                try server.age(["app:a"], minutes: 60)
            }
            // Five hours of ten and a quarter: far beyond the idle time's half.
            #expect(source.loads == 1)
            source.set(2)
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            try server.age(["app:a"], minutes: 60)
            #expect(try await cache.remember("a") { try await source.get() } == 1, "served while it is refreshed")
            try await eventually("it is refreshed") { try await cache.get("a", as: Int.self) == 2 }
            #expect(source.loads == 2)
            #expect(try await cache.persist("a"))
            #expect(try server.minutes("app:a") == 615, "the end is the new value's")
        }
    }

    @Test func `get sees a remembered value as long as it slides`() async throws {
        try await withRedis { server, redis in
            // Its freshness must be that of the whole life, not of the idle time.
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            _ = try await cache.remember("a", options: .init(jitter: 0)) { 1 }
            for _ in 0..<4 {
                try server.age(["app:a"], minutes: 140)
                #expect(try await cache.get("a", as: Int.self) == 1)
                #expect(try await cache.exists("a") == 1)
            }
            try server.age(["app:a"], minutes: 60)
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `jitter shortens the last end and not the idle time`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            var ends: Set<Int> = []
            for number in 0..<20 {
                _ = try await cache.remember("k\(number)", options: .init(jitter: 1, early: .off)) { number }
                let idle = try #require(try server.minutes("app:k\(number)"))
                #expect(try await cache.persist("k\(number)"))
                let end = try #require(try server.minutes("app:k\(number)"))
                #expect(end <= 615 && idle == min(150, end))
                ends.insert(end)
            }
            #expect(ends.count > 5)
        }
    }

    @Test func `that there is no value is never renewed`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(
                timeout: .seconds(60), remember: .init(negativeTTL: .minutes(100)),
                sliding: CacheOptions.slides.sliding)
            let cache = RedisCache(redis, prefix: "app", options: options)
            let source = Source(nil)
            let find = Cached<Int, Int?>(wrappedValue: { _ in try await source.load() }, cache, key: { "c:\($0)" })
            for _ in 0..<2 {
                #expect(try await cache.remember("a") { () -> Int? in try await source.load() } == nil)
                #expect(try await cache.remember("b") { Loaded<Int?>(nil, ttl: .after(.minutes(100))) } == nil)
                #expect(try await find.wrappedValue(1) == nil)
                try server.age(["app:a", "app:b", "app:c:1"], minutes: 30)
            }
            #expect(source.loads == 2)
            for key in ["a", "b", "c:1"] { #expect(try server.minutes("app:\(key)") ?? 100 <= 45, "\(key)") }
        }
    }

    @Test func `a loader's own time to live is the idle time, never is never`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            _ = try await cache.remember("a") { Loaded(1, ttl: .after(.minutes(50))) }
            _ = try await cache.rememberForever("b") { 1 }
            _ = try await cache.cached("c") { 1 }
            _ = try await cache.getOrSet("d", .after(.minutes(70))) { 1 }
            try server.age(["app:a", "app:b", "app:c", "app:d"], minutes: 30)
            #expect(try await cache.getMany(["a", "b", "c", "d"], as: Int.self).count == 4)
            for (key, left) in [("a", 50), ("b", -1), ("c", 60), ("d", 70)] {
                #expect(try server.minutes("app:\(key)") == left, "\(key)")
            }
        }
    }

    @Test func `repositories, cached functions, warm-ups and writes through slide`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let source = Source()
            let users = CachedRepository<Int, Int>(cache, entity: "user") { _ in try await source.load() }
            let find = Cached<Int, Int>(wrappedValue: { _ in try await source.get() }, cache, key: { "c:\($0)" })
            let keys = ["app:user:7", "app:c:1", "app:w", "app:t"]
            _ = try await users.find(7)
            _ = try await find.wrappedValue(1)
            #expect(try await Invalidator(cache).warmUp("w") { 1 })
            let written = try await cache.writeThrough("t") { 1 }
            #expect(written.outcome == .stored)
            for _ in 0..<3 {
                for key in keys { #expect(try server.minutes(key) == 150, "\(key)") }
                try server.age(keys, minutes: 120)
                #expect(try await users.find(7) == 1)
                #expect(try await find.wrappedValue(1) == 1)
                #expect(try await cache.getMany(["w", "t"], as: Int.self).count == 2)
            }
            #expect(source.loads == 2)
            try await users.update(7) { 5 }
            #expect(try await users.find(7) == 5)
            #expect(try server.minutes("app:user:7") == 150)
        }
    }

    @Test func `a load that began before a deletion does not land, read or not`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let source = Source(1)
            source.hold()
            let reader = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait(within: .seconds(60))
            source.set(2)
            try await cache.delete("a")
            #expect(try await cache.get("a", as: Int.self) == nil)
            source.release()
            _ = try await reader.value
            #expect(try server("EXISTS", "app:a") == 0)
            #expect(try await cache.remember("a") { try await source.get() } == 2)
        }
    }

    @Test func `an entry with a flag that its reader does not know is loaded anew, not misread`() async throws {
        // As this flag is to versions of this package from before it.
        var bytes = Envelope(codec: 2, sliding: .init(span: 1, idle: 1)).pieces(Data("v".utf8), .off).whole(written: 5)
        bytes[bytes.startIndex + 2] |= 32
        #expect(StoredEntry(bytes) == nil)
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await redis.command(RedisCommand("SET", RedisKey("app:a"), bytes, "PX", 600_000))
            await expectError(.undecodable) { try await cache.get("a", as: String.self) }
            #expect(try await cache.remember("a") { "new" } == "new")
            #expect(try await cache.get("a", as: String.self) == "new")
        }
    }
}
