import TestSupport
import Testing

@testable import Cache

@Suite struct CounterTests {
    @Test func `numbers are added, subtracted and read`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let first = try await cache.increment("views")
            #expect(first == 1)
            #expect(try await cache.increment("views", by: 9) == 10)
            #expect(try await cache.decrement("views", by: 3) == 7)
            #expect(try await cache.get("views", as: Int.self) == 7)
            #expect(try await cache.increment("score", by: 2.5) == 2.5)
            #expect(try await cache.increment("score", by: -1.25) == 1.25)
        }
    }

    @Test func `seed 001: a crash between INCR and EXPIRE made a counter immortal`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.increment("hits", ttl: .after(.seconds(60)))
            #expect(try server("PTTL", "myapp:hits").int ?? 0 > 0)
            #expect(try server.calls(of: "evalsha") + server.calls(of: "eval") >= 1)
        }
    }

    @Test func `seed 004: counting did not keep or always renewed the time to live`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.increment("hits", ttl: .after(.seconds(60)))
            try server("PEXPIRE", "myapp:hits", "30000")
            try await cache.increment("hits", ttl: .after(.seconds(600)))
            #expect(try server("PTTL", "myapp:hits").int ?? 0 <= 30_000)
        }
    }

    @Test func `what is no number is told as such and stays`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("name", "Ada")
            await expectError(.wrongType) { try await cache.increment("name") }
            await expectError(.wrongType) { try await cache.increment("name", by: 0.5) }
            #expect(try await cache.get("name") == "Ada")
            try await cache.increment("most", by: .max)
            await expectError(.wrongType) { try await cache.increment("most") }
            await expectError(.invalidArgument) { try await cache.decrement("most", by: .min) }
            await expectError(.invalidArgument) { try await cache.increment("most", by: Double.nan) }
        }
    }

    @Test func `an increment whose reply was lost is not repeated`() async throws {
        try await withRedis { server, redis in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { client in
                    let cache = RedisCache(client, prefix: "myapp", options: .unhurried)
                    try await cache.increment("n")
                    proxy.set(.cutBeforeReply(match: "EVALSHA"))
                    await expectError(.unavailable) { try await cache.increment("n") }
                    proxy.set(.pass)
                    #expect(try await cache.get("n", as: Int.self) == 2)
                }
            }
        }
    }

    @Test func `fractions are subtracted, and their counters get an end when they are made`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            #expect(try await cache.increment("score", by: 2.5, ttl: .after(.seconds(60))) == 2.5)
            #expect(try #require(try server("PTTL", "myapp:score").int) > 0)
            try server("PEXPIRE", "myapp:score", "30000")
            #expect(try await cache.decrement("score", by: 0.25, ttl: .after(.seconds(600))) == 2.25)
            #expect(try #require(try server("PTTL", "myapp:score").int) <= 30_000)
            #expect(try await cache.decrement("debt", by: 1.5, ttl: .after(.seconds(60))) == -1.5)
            #expect(try #require(try server("PTTL", "myapp:debt").int) > 0)
            await expectError(.invalidArgument) { try await cache.decrement("debt", by: Double.infinity) }
        }
    }
}
