import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct `A near cache` {
    @Test func `answers without Redis what was read before`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            try await cache.set("user:1", User(id: 1, name: "Ada"))
            try await eventually("kept") {
                let user: User? = try await cache.get("user:1")
                #expect(user?.name == "Ada")
                return cache.figures.hits > 0
            }
            // Again, if the news of the write came in between and dropped what was kept.
            try await eventually("none of a hundred asks Redis") {
                let (before, hits) = (try server.calls(of: "mget"), cache.figures.hits)
                for _ in 0..<100 { #expect(try await cache.get("user:1", as: User.self)?.name == "Ada") }
                #expect(cache.figures.entries == 1)
                return try server.calls(of: "mget") == before && cache.figures.hits == hits + 100
            }
        }
    }

    @Test func `costs one round trip for a value it does not have, its life included`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            for number in 0..<10 { try await cache.set("k\(number)", number) }
            let before = (try server.calls(of: "mget"), try server.calls(of: "pttl"), cache.figures.misses)
            for number in 0..<10 { #expect(try await cache.get("k\(number)") == number) }
            let misses = cache.figures.misses - before.2
            #expect(misses == 10)
            #expect(try server.calls(of: "mget") == before.0 + misses)
            #expect(try server.calls(of: "pttl") == before.1 + misses)
        }
    }

    @Test(arguments: [
        ["SET", "myapp:k", "two", "PX", "100000"], ["DEL", "myapp:k"], ["UNLINK", "myapp:k"], ["FLUSHALL"], ["FLUSHDB"],
        ["EVAL", "redis.call('SET', KEYS[1], 'two', 'PX', 100000)", "1", "myapp:k"],
        ["COPY", "myapp:other", "myapp:k", "REPLACE"],
    ])
    func `drops what any other program changes`(command: [String]) async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            try server("SET", "myapp:other", "two", "PX", "100000")
            try await cache.set("k", "one")
            try await cache.warm("k", "one")
            try server.call(command)
            let expected = ["DEL", "UNLINK", "FLUSHALL", "FLUSHDB"].contains(command[0]) ? nil : "two"
            try await eventually("seen") { try await cache.get("k", as: String.self) == expected }
        }
    }

    @Test func `drops what another cache sets, deletes, counts, renames and lets end`() async throws {
        try await withTwo { _, one, other in
            let cache = try await RedisCache.near(one)
            let writer = RedisCache(other, prefix: "myapp", options: .unhurried)
            let changes: [(RedisCache) async throws -> Void] = [
                { try await $0.set("k", "2") }, { try await $0.delete("k") }, { _ = try await $0.increment("k") },
                { _ = try await $0.rename("x", to: "k") }, { _ = try await $0.expire("k", after: .milliseconds(1)) },
                { _ = try await $0.getAndDelete("k", as: String.self) },
            ]
            for change in changes {
                try await writer.set("x", "renamed")
                try await writer.delete("k")
                _ = try await writer.increment("k", by: 1)
                try await eventually("kept") {
                    _ = try await cache.get("k", as: Int.self)
                    let hits = cache.figures.hits
                    return try await cache.get("k", as: Int.self) == 1 && cache.figures.hits > hits
                }
                let before = cache.figures.invalidations
                try await change(writer)
                try await eventually("dropped") { cache.figures.invalidations > before }
            }
            try await writer.delete("k", "x")
        }
    }

    @Test func `lets a task read what it wrote, at once`() async throws {
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis)
            let plain = RedisCache(redis, prefix: "myapp", options: .unhurried)
            for round in 0..<200 {
                // By a cache of the same client without the option, too.
                let writer = round % 2 == 0 ? cache : plain
                try await writer.set("k", round)
                #expect(try await cache.get("k") == round)
                #expect(try await cache.get("k") == round)
            }
            #expect(try await cache.increment("n", by: 5) == 5)
            #expect(try await cache.get("n") == 5)
            #expect(try await cache.increment("n") == 6)
            #expect(try await cache.get("n") == 6)
            try await cache.delete("k", "n")
            #expect(try await cache.get("k", as: Int.self) == nil)
        }
    }

    /// Every verb that writes entries; a new one belongs here.
    @Test func `is behind no write of its own process, whichever verb wrote`() async throws {
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis)
            let ttl = CacheTTL.after(.seconds(600))
            let writes: [(String, expected: Int?, (RedisCache) async throws -> Void)] = [
                ("set", 2, { try await $0.set("k", 2) }), ("setMany", 3, { try await $0.setMany(["k": 3]) }),
                ("replace", 4, { _ = try await $0.replace("k", 4) }),
                ("compareAndSet", 5, { _ = try await $0.compareAndSet("k", expected: 1, new: 5) }),
                ("compareAndDelete", nil, { _ = try await $0.compareAndDelete("k", expected: 1) }),
                ("getAndDelete", nil, { _ = try await $0.getAndDelete("k", as: Int.self) }),
                ("delete", nil, { try await $0.delete("k") }),
                ("deleteMany", nil, { try await $0.deleteMany(matching: .all) }),
                ("flush", nil, { try await $0.flush() }),
                ("rename away", nil, { _ = try await $0.rename("k", to: "l") }),
                (
                    "rename onto", 9,
                    {
                        try await $0.set("l", 9); _ = try await $0.rename("l", to: "k")
                    }
                ),
                ("writeThrough", 6, { _ = try await $0.writeThrough("k", ttl: ttl) { 6 } }),
                ("expire", nil, { _ = try await $0.expire("k", at: .init(timeIntervalSince1970: 1)) }),
                (
                    "add", 8,
                    {
                        try await $0.delete("k"); _ = try await $0.add("k", 8)
                    }
                ),
            ]
            for (name, expected, write) in writes {
                for _ in 0..<5 {
                    try await cache.set("k", 1, ttl: ttl)
                    #expect(try await cache.get("k") == 1)
                    try await write(cache)
                    #expect(try await cache.get("k", as: Int.self) == expected, "\(name)")
                }
            }
            try await cache.delete("k", "l")
        }
    }

    @Test func `keeps nothing longer than its life in Redis, nor than its own limit`() async throws {
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis)
            let near = try #require(cache.nearLevel)
            try await cache.set("k", "v", ttl: .after(.seconds(60)))
            let entry = RedisKey("myapp:k")
            let sight = try await cache.sight(entry, operation: "get", withLife: true)
            #expect((1...60_000).contains(sight.life ?? 0))
            for (key, life) in [("long", nil), ("short", 1)] as [(RedisKey, Int64?)] {
                let read = try #require(near.begin(key))
                near.keep(NearBox(1), of: key, read, life: life, size: 8, groups: [])
            }
            let gone = RedisKey("gone")
            let read = try #require(near.begin(gone))
            near.keep(NearBox(1), of: gone, read, life: 0, size: 8, groups: [])
            #expect(gone.withUTF8 { near.store.find($0) } == nil)
            try await eventually("over") { RedisKey("short").withUTF8 { near.store.find($0) } == nil }
            #expect(RedisKey("long").withUTF8 { near.store.find($0) } != nil)
        }
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis, .tracking, NearCacheOptions(maxAge: .milliseconds(1)))
            let near = try #require(cache.nearLevel)
            let key = RedisKey("k")
            let read = try #require(near.begin(key))
            near.keep(NearBox(1), of: key, read, life: nil, size: 8, groups: [])
            try await eventually("over") { key.withUTF8 { near.store.find($0) } == nil }
        }
    }

    @Test func `ends all entries of a tag and of a namespace by their stamps`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            let users = cache.namespace("users")
            try await users.set("1", "Ada", tags: ["staff"])
            try await users.set("2", "Bob")
            try await cache.set("other", "x")
            try await users.warm("1", "Ada")
            try await users.warm("2", "Bob")
            try await cache.warm("other", "x")
            // What an invalidation by tag writes, from elsewhere.
            try server("SET", "{myapp}:tag:staff", "99999999999999999", "PX", "100000")
            try await eventually("gone") { try await users.get("1", as: String.self) == nil }
            try await users.warm("2", "Bob")
            try server("SET", "{myapp:users}:epoch", "99999999999999999", "PX", "100000")
            try await eventually("gone") { try await users.get("2", as: String.self) == nil }
            try await cache.warm("other", "x")
            try server("SET", "{myapp}:epoch", "99999999999999999", "PX", "100000")
            try await eventually("gone") { try await cache.get("other", as: String.self) == nil }
        }
    }

    @Test func `is not disturbed by the leases of loads`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            try await cache.set("k", "v")
            try await cache.warm("k", "v")
            for number in 0..<2_000 { try server("SET", "{myapp:\(number)}:fill", "t", "PX", "100000") }
            try server("SET", "myapp:last", "x", "PX", "100000")
            try await cache.warm("last", "x")
            try await cache.warm("k", "v")
        }
    }

    @Test func `tells types and schemas apart`() async throws {
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis)
            try await cache.set("n", 42)
            #expect(try await cache.get("n", as: Int.self) == 42)
            #expect(try await cache.get("n", as: Double.self) == 42)
            #expect(try await cache.get("n", as: Int.self) == 42)
            await expectError(.undecodable) { try await cache.get("n", as: User.self) }
            let newer = cache.with { $0.schema = 2 }
            #expect(try await newer.get("n", as: Int.self) == nil)
            #expect(try await cache.get("n", as: Int.self) == 42)
        }
    }

    @Test func `is one for all namespaces of a root, and apart from other roots and clients`() async throws {
        try await withTwo { _, one, other in
            let cache = try await RedisCache.near(one)
            try await cache.set("users:1", "Ada")
            #expect(cache.namespace("users").nearLevel === cache.nearLevel)
            #expect(RedisCache(one, prefix: "myapp", options: cache.options).nearLevel === cache.nearLevel)
            #expect(RedisCache(one, prefix: "else", options: cache.options).nearLevel !== cache.nearLevel)
            #expect(RedisCache(other, prefix: "myapp", options: cache.options).nearLevel !== cache.nearLevel)
            // A further root makes the client track anew, in the background: what was near is dropped once more.
            try await eventually("read by one name, a hit by the other") {
                try await cache.warm("users:1", "Ada")
                let hits = cache.figures.hits
                #expect(try await cache.namespace("users").get("1") == "Ada")
                return cache.figures.hits == hits + 1
            }
        }
    }

    @Test func `ends with the last cache that uses it`() async throws {
        try await withTwo { server, redis, _ in
            var cache: RedisCache? = try await RedisCache.near(redis)
            weak let near = cache?.nearLevel
            #expect(near != nil)
            cache = nil
            try await eventually("gone") { near == nil }
            // The next one gets a new connection's worth of tracking without a new connection.
            let next = try await RedisCache.near(redis)
            try await next.set("k", "v")
            try await next.warm("k", "v")
            #expect(try server.clients().count { $0["flags"]?.contains("t") == true } == 1)
        }
    }

    @Test func `refuses options that cannot work`() async throws {
        try await withTwo { _, redis, _ in
            for near in [
                NearCacheOptions(entries: 0), NearCacheOptions(bytes: 1), NearCacheOptions(maxAge: .zero),
                NearCacheOptions(onUnavailable: .backplane(maxAge: .zero)),
            ] {
                let cache = RedisCache(redis, prefix: "p", options: CacheOptions(near: near))
                await expectError(.invalidArgument) { try await cache.get("k", as: String.self) }
                #expect(cache.near == nil)
            }
            let bare = RedisCache(redis, prefix: "", options: CacheOptions(near: NearCacheOptions()))
            await expectError(.invalidArgument) { try await bare.get("k", as: String.self) }
        }
    }

    @Test(arguments: ["user:1", "ümlaut", "a b", "{x}*?[y]\\%", String(repeating: "k", count: 1_000)])
    func `takes any key`(key: String) async throws {
        try await withTwo { _, redis, _ in
            let cache = try await RedisCache.near(redis, prefix: "präfix{1}")
            try await cache.set(key, "v")
            try await cache.warm(key, "v")
            try await cache.set(key, "w")
            try await cache.warm(key, "w")
        }
    }
}
