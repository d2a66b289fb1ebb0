import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct RedisCacheTests {
    @Test func `a value comes back as it was set`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let user = User(id: 1, name: "Ada", tags: ["x"])
            try await cache.set("user:1", user)
            #expect(try await cache.get("user:1") == user)
            #expect(try await cache.get("user:2", as: User.self) == nil)
            #expect(try await cache.get("user:2", default: User(id: 0, name: "nobody")).id == 0)
        }
    }

    @Test func `text and bytes are stored as they are and never taken for JSON`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("text", "42")
            try await cache.set("bytes", Data([0xFB, 0, 255]))
            #expect(try await cache.get("text") == "42")
            #expect(try await cache.get("bytes") == Data([0xFB, 0, 255]))
            await expectError(.undecodable) { try await cache.get("text", as: Int.self) }
        }
    }

    @Test func `many are set and read in one round trip each, missing ones are absent`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2], ttl: .after(.seconds(60)))
            let before = try server.calls(of: "mget")
            #expect(try await cache.getMany(["a", "b", "c"], as: Int.self) == ["a": 1, "b": 2])
            #expect(try server.calls(of: "mget") == before + 1)
            #expect(try await cache.delete("a", "c") == 1)
        }
    }
}
