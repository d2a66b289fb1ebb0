import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct OutageTests {
    /// Where nobody listens.
    private func nowhere() -> RedisConfiguration {
        RedisConfiguration(endpoint: .unix(path: "/nonexistent/redis.sock"))
    }

    private let quick = CacheOptions(timeout: .milliseconds(50))

    @Test func `reads count as misses, writes and invalidations say that Redis does not answer`() async throws {
        try await withClient(nowhere()) { redis in
            let cache = RedisCache(redis, prefix: "myapp", options: quick)
            #expect(try await cache.get("a", as: Int.self) == nil)
            #expect(try await cache.getMany(["a", "b"], as: Int.self).isEmpty)
            guard case .unavailable = try await cache.lookup("a", as: Int.self) else {
                Issue.record("an outage passed for a miss")
                return
            }
            await expectError(.unavailable) { try await cache.set("a", 1) }
            await expectError(.unavailable) { try await cache.delete("a") }
            await expectError(.unavailable) { try await cache.increment("a") }
        }
    }

    @Test func `a closed cache throws on reads too`() async throws {
        try await withClient(nowhere()) { redis in
            let cache = RedisCache(redis, prefix: "myapp", options: quick).with { $0.failure = .closed }
            await expectError(.unavailable) { try await cache.get("a", as: Int.self) }
            await expectError(.unavailable) { try await cache.getMany(["a"], as: Int.self) }
        }
    }

    @Test func `after some failures calls are refused at once, and Redis that is back is found by a trial`()
        async throws
    {
        try await withRedis { server, _ in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "myapp", options: quick)
                    for _ in 0..<CircuitBreaker.threshold { _ = try await cache.get("a", as: Int.self) }
                    #expect(cache.engine.isOpen)
                    // One that comes after the pause is let through for a trial, and waits.
                    try await eventually("a call is refused at once") {
                        let error = await expectError(.unavailable) { try await cache.set("a", 1) }
                        return error?.underlying == nil
                    }
                    proxy.set(.pass)
                    let patient = cache.with { $0.timeout = .seconds(60) }
                    try await eventually("the circuit closes") {
                        _ = try await patient.get("a", as: Int.self)
                        return !patient.engine.isOpen
                    }
                    try await patient.set("a", 1)
                    #expect(try await patient.get("a", as: Int.self) == 1)
                }
            }
        }
    }

    @Test func `a set whose reply was lost is repeated and tells success`() async throws {
        try await withRedis { server, _ in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
                    try await cache.set("a", 1)
                    proxy.set(.cutBeforeReply(match: "EVALSHA"))
                    try await cache.set("a", 2)
                    #expect(try await cache.get("a", as: Int.self) == 2)
                    proxy.set(.cutBeforeReply(match: "EVALSHA"))
                    await expectError(.unavailable) { try await cache.add("b", 1) }
                    proxy.set(.pass)
                    #expect(try await cache.get("b", as: Int.self) == 1)
                    proxy.set(.cutBeforeReply(match: "EVALSHA"))
                    try await cache.delete("a", "b")
                    #expect(try await cache.exists("a", "b") == 0)
                }
            }
        }
    }

    @Test func `a server without memory or that is a replica refuses writes and keeps answering reads`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("a", 1)
            try server("CONFIG", "SET", "maxmemory", "1")
            await expectError(.unavailable) { try await cache.set("a", 2) }
            #expect(try await cache.get("a", as: Int.self) == 1)
            try server("CONFIG", "SET", "maxmemory", "0")
            try server("REPLICAOF", "127.0.0.1", "1")
            await expectError(.unavailable) { try await cache.set("a", 2) }
            #expect(cache.engine.isOpen == false)
            try server("REPLICAOF", "NO", "ONE")
            try await cache.set("a", 3)
        }
    }

    @Test func `a cancelled call throws cancellation and nothing else`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("a", 1)
            server.pause()
            let task = Task { try await cache.get("a", as: Int.self) }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            server.resume()
        }
    }

    @Test func `that the circuit opened and closed is logged once each`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let lines = LogLines()
                let redis = RedisClient(proxy.configuration, logger: lines.logger)
                let cache = RedisCache(redis, prefix: "myapp", options: quick)
                proxy.set(.refuse)
                for _ in 0..<2 * CircuitBreaker.threshold { _ = try await cache.get("a", as: Int.self) }
                #expect(lines.count(of: "cache: Redis does not answer") == 1)
                #expect(lines.count(of: "cache: Redis answers again") == 0)
                proxy.set(.pass)
                // Late answers would open it again.
                let patient = cache.with { $0.timeout = .seconds(60) }
                try await eventually("the circuit closes") {
                    _ = try await patient.get("a", as: Int.self)
                    return !patient.engine.isOpen
                }
                for _ in 0..<5 { _ = try await patient.get("a", as: Int.self) }
                #expect(lines.count(of: "cache: Redis does not answer") == 1)
                #expect(lines.count(of: "cache: Redis answers again") == 1)
                await redis.close()
            }
        }
    }
}
