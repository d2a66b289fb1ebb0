import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Flaws that a review found.
@Suite struct `A near cache after the review` {
    @Test func `is refused for a namespace of a cache without a prefix, where nothing would be tracked`() async throws {
        try await withTwo { _, redis, _ in
            let near = CacheOptions(near: NearCacheOptions())
            let users = RedisCache(redis, prefix: "", options: near).namespace("users")
            await #expect(throws: CacheError.self) { try await users.get("1", as: String.self) }
            #expect(users.near == nil)
            // The same below a cache that keeps nothing near itself.
            let later = RedisCache(redis, prefix: "").namespace("users", options: near)
            await #expect(throws: CacheError.self) { try await later.get("1", as: String.self) }
        }
    }

    struct Times: Sendable {
        let written: Int64
        let freshFor: Int64
    }

    static let absurd = [
        Times(written: .max, freshFor: .max), Times(written: .max - 1, freshFor: 10),
        Times(written: .min, freshFor: .max), Times(written: 1, freshFor: .max),
    ]

    @Test(arguments: absurd) func `survives an entry whose times are absurd`(times: Times) async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            let envelope = Envelope(
                codec: CacheCodec.text, freshness: .init(freshFor: times.freshFor, loadTime: .max))
            let bytes = envelope.pieces(Data("v".utf8), .off).whole(written: times.written)
            try await redis.set("myapp:k", to: bytes)
            try await redis.command(RedisCommand("PEXPIRE", "myapp:k", 100_000))
            for _ in 0..<2 {
                _ = try await cache.get("k", as: String.self)
                _ = try await cache.getMany(["k"], as: String.self)
                _ = try await cache.remember("k") { "v" }
                try await redis.set("myapp:k", to: bytes)
                try await redis.command(RedisCommand("PEXPIRE", "myapp:k", 100_000))
            }
        }
    }

    @Test func `tags that only look alike are two`() async throws {
        try await withTwo { _, redis, _ in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let (one, other) = ("caf\u{E9}", "cafe\u{301}")
            try await cache.set("both", 1, tags: [one, other])
            try await cache.set("one", 1, tags: [one])
            try await cache.set("other", 1, tags: [other])
            try await cache.invalidate(tags: other)
            #expect(try await cache.get("one") == 1)
            #expect(try await cache.get("other", as: Int.self) == nil)
            #expect(try await cache.get("both", as: Int.self) == nil)
            try await cache.set("one", 1, tags: [one])
            try await cache.set("other", 1, tags: [other])
            try await cache.invalidate(tags: one, other)
            let found: [String: Int] = try await cache.getMany(["one", "other"])
            #expect(found.isEmpty)
        }
    }

    @Test func `roots that only look alike have a near cache each`() async throws {
        try await withTwo { _, redis, _ in
            let one = try await RedisCache.near(redis, prefix: "caf\u{E9}")
            let other = try await RedisCache.near(redis, prefix: "cafe\u{301}")
            #expect(one.nearLevel !== other.nearLevel)
        }
    }
}
