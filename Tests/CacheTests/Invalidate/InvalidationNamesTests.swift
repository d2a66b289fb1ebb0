import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What ends, and what is warmed up, is told apart as Redis tells its keys apart: by the bytes of a name.
@Suite struct InvalidationNamesTests {
    /// Equal for Swift, two names for Redis.
    private let alike = ["caf\u{E9}", "cafe\u{301}"]

    @Test func `ids that only look alike are two objects, and both end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for id in alike { try await cache.set(Invalidator.objectTag("user", id: id), 1) }
            try await cache.drop(
                InvalidationBatch(alike.map { Invalidation.object(entity: "user", id: $0, keepsEntry: false) }))
            for id in alike {
                #expect(try server("EXISTS", "app:user:\(id)") == 0)
                #expect(try server("EXISTS", "{app}:tag:user:\(id)") == 1)
            }
        }
    }

    @Test func `tags that only look alike are two, also those that a load gives`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for ended in alike {
                let value: Int = try await cache.remember("a", tags: [alike[0]]) { [alike] in
                    Loaded(1, tags: [alike[1]])
                }
                #expect(value == 1)
                try await cache.invalidate(tags: ended)
                #expect(try await cache.get("a", as: Int.self) == nil)
            }
        }
    }

    @Test func `no id reaches into lists, other objects or tenants`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            try await cache.setMany(["user:list:p1": 1, "tenant:acme:user:7": 1])
            try await cache.set("profile", 1, tags: [Invalidator.objectTag("user", id: "list")])
            try await invalidator.afterUpdate("user", id: "list:p1")
            try await invalidator.afterUpdate("tenant", id: "acme:user:7")
            try await invalidator.afterCreate("user")
            let kept = try await cache.getMany(["user:list:p1", "tenant:acme:user:7", "profile"], as: Int.self)
            #expect(kept.count == 3)
            try await invalidator.afterUpdate("user", id: "list")
            #expect(try await cache.get("profile", as: Int.self) == nil)
        }
    }

    @Test func `an id with colons has the name that a key builder gives it, and ends by it`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let name = try KeyBuilder().entity("user", id: "a:b")
            #expect(Invalidator.objectTag("user", id: "a:b") == name)
            try await cache.set(name, 1)
            try await Invalidator(cache).afterUpdate("user", id: "a:b")
            #expect(try await cache.get(name, as: Int.self) == nil)
        }
    }

    @Test func `an entity with colons is one name, in what is cached and in what ends it`() {
        let batch = InvalidationBatch([.object(entity: "a:b", id: "7", keepsEntry: false), .entity("a:b")])
        #expect(batch.keys == ["a%3Ab:7"])
        #expect(batch.tags == ["a%3Ab", "a%3Ab:7", "a%3Ab:list"])
        #expect(InvalidationNames.list("a:b", "p1:l10") == "a%3Ab:list:p1%3Al10")
        #expect(InvalidationNames.object("user", "%6Cist") == "user:%256Cist")
    }
}

@Suite struct WarmUpNamesTests {
    private struct Failure: Error {}

    @Test func `keys that only look alike are two, loaded each and told apart`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let alike = ["caf\u{E9}", "cafe\u{301}"]
            let report = try await Invalidator(cache).warmUp(alike) { $0.utf8.count }
            #expect(report.stored == 2)
            #expect(try server("EXISTS", "app:\(alike[0])", "app:\(alike[1])") == 2)
            let failed = try await Invalidator(cache).warmUp(alike) { _ -> Int in throw Failure() }
            #expect(failed.failures.count == 2)
        }
    }

    @Test func `what is warmed up lives as a remembered value: cut for its tags, kept in case its source fails`()
        async throws
    {
        try await withRedis { server, redis in
            let options = CacheOptions(
                timeout: .seconds(60), longestTagLife: .seconds(600),
                remember: RememberOptions(jitter: 0, failSafe: .init(maxStale: .seconds(86_400))))
            let cache = RedisCache(redis, prefix: "app", options: options)
            let invalidator = Invalidator(cache)
            #expect(try await invalidator.warmUp("a", ttl: .after(.seconds(1_000))) { 1 })
            let left = try server.left("app:a")
            #expect(left > 86_400_000 && left <= 87_400_000)
            #expect(try await cache.get("a") == 1)
            #expect(try await invalidator.warmUp("b", ttl: .never, tags: ["t"]) { 1 })
            let tagged = try server.left("app:b")
            #expect(tagged > 0 && tagged <= 600_000)
            // That there is nothing is not served for a day.
            #expect(try await invalidator.warmUp("c", ttl: .after(.seconds(1_000))) { Int?.none })
            #expect(try server.left("app:c") <= 1_000_000)
        }
    }
}
