import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What a pattern finds is what it deletes, and what a counter has is what it answers.
@Suite struct ExactKeysTests {
    @Test func `deleting around tenants deletes the keys that were found, and no other tenant's`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.tenant("acme").set("settings:x", "kept")
            try await cache.tenant("acme:settings").set("x", "deleted")
            #expect(try await cache.tenant("acme:settings").flush() == 1)
            #expect(try await cache.tenant("acme").get("settings:x") == "kept")
            try await cache.tenant("acme:settings").set("x", "deleted")
            #expect(try await cache.flush() == 2)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `a cache with the client's prefix leaves its counters alone`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let cache = RedisCache(redis, prefix: "signalbox", options: .unhurried)
            try await cache.set("mine", 1)
            try await Counters(redis, name: "f", options: .unhurried).increment("a")
            #expect(try await cache.keys() == ["mine"])
            #expect(try await cache.flush() == 1)
            #expect(try await Counters(redis, name: "f", options: .unhurried).get("a") == 1)
        }
    }

    @Test func `a cache's counter is exact beyond 53 bits`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            #expect(try await cache.increment("n", by: (1 << 53) + 1) == (1 << 53) + 1)
            let most = try await cache.increment("most", by: .max)
            #expect(most == .max)
            #expect(try await cache.decrement("most") == .max - 1)
        }
    }
}
