import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// A13: what happens to a value between its end and its removal, and before its end.
@Suite struct FailSafeTests {
    private let key = "app:a"

    /// Writes the entry again as it would be `by` later: written earlier, and as long in Redis.
    private func age(_ redis: RedisClient, by time: Duration) async throws {
        guard var bytes = try await redis.command(RedisCommand("GET", RedisKey(key)), as: [UInt8]?.self) else {
            Issue.record("no entry")
            return
        }
        var written: Int64 = 0
        for byte in bytes[6..<14] { written = written << 8 | Int64(byte) }
        written -= time.nanoseconds / 1_000
        for index in 0..<8 { bytes[6 + index] = UInt8(truncatingIfNeeded: written >> (56 - 8 * index)) }
        _ = try await redis.command(RedisCommand("SET", RedisKey(key), bytes, "KEEPTTL"), as: RedisValue.self)
    }

    private func cache(_ redis: RedisClient, _ terms: RememberOptions = .failSafe) -> RedisCache {
        let life = CacheTTL.after(.seconds(1_000))
        return RedisCache(
            redis, prefix: "app", options: .init(defaultTTL: life, timeout: .seconds(60), remember: terms))
    }

    @Test func `one line keeps the last value for a day in case the source fails`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis)
            let source = Source()
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            let left = try server("PTTL", key).int ?? 0
            #expect(left > 86_400_000 && left <= 87_400_000)
            try await age(redis, by: .seconds(2_000))
            // For everybody but `remember` it is gone.
            #expect(try await cache.get("a", as: Int.self) == nil)
            #expect(try await cache.getMany(["a"], as: Int.self) == [:])
            source.fail(Source.Failure())
            let stale = try await cache.rememberWithOrigin("a") { try await source.load() }
            #expect(stale.value == 1 && stale.origin == .stale)
            #expect(source.loads == 2)
            // Throttled: the source is left alone, here and in other processes.
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            try await withClient(server.configuration) { other in
                let found = try await self.cache(other).remember("a") { try await source.get() }
                #expect(found == 1)
            }
            #expect(source.loads == 2)
        }
    }

    @Test func `a stale value is replaced when the source answers`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis)
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            try await age(redis, by: .seconds(2_000))
            source.set(2)
            let fresh = try await cache.rememberWithOrigin("a") { try await source.load() }
            #expect(fresh.value == 2 && fresh.origin == .source)
            #expect(try await cache.rememberWithOrigin("a") { try await source.load() }.origin == .cache)
        }
    }

    @Test func `a value that was deleted or invalidated is not served, however much the source fails`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(failSafe: .init(), failurePause: .zero))
            for tag in [true, false] {
                let source = Source()
                _ = try await cache.remember("a", tags: ["t"]) { try await source.get() }
                try await age(redis, by: .seconds(2_000))
                if tag { try await cache.invalidate(tags: "t") } else { try await cache.delete("a") }
                source.fail(Source.Failure(number: 3))
                await #expect(throws: Source.Failure(number: 3)) {
                    try await cache.remember("a", tags: ["t"]) { try await source.get() }
                }
            }
        }
    }

    @Test func `a value beyond the longest staleness is not served`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis)
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            try await age(redis, by: .seconds(100_000))
            source.fail(Source.Failure())
            await #expect(throws: Source.Failure()) { try await cache.remember("a") { try await source.get() } }
        }
    }

    @Test func `after the soft time-out the stale value is served and the load finishes behind it`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(failSafe: .init(), softTimeout: .milliseconds(20)))
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            try await age(redis, by: .seconds(2_000))
            source.set(2)
            source.hold()
            let stale = try await cache.rememberWithOrigin("a") { try await source.load() }
            #expect(stale.value == 1 && stale.origin == .stale)
            source.release()
            try await eventually("the new value is stored") { try await cache.get("a") == 2 }
            #expect(source.loads == 2)
        }
    }

    @Test func `a value without one to fall back on is waited for beyond the soft time-out`() async throws {
        try await withRedis { _, redis in
            let cache = cache(redis, .init(failSafe: .init(), softTimeout: .milliseconds(1)))
            let source = Source()
            source.hold()
            let call = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait()
            source.release()
            #expect(try await call.value == 1)
        }
    }

    @Test func `in its last fifth a value is served and refreshed by one of all callers`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let caches = [cache(redis, .default), cache(other, .default)]
                let source = Source()
                _ = try await caches[0].remember("a") { try await source.get() }
                try await age(redis, by: .seconds(850))
                source.set(2)
                source.hold()
                for _ in 0..<50 {
                    for cache in caches { #expect(try await cache.remember("a") { try await source.get() } == 1) }
                }
                try await source.began.wait(count: 2)
                source.release()
                try await eventually("refreshed") { try await caches[1].get("a") == 2 }
                #expect(source.loads == 2)
            }
        }
    }

    @Test func `a refresh that fails harms nobody and is not tried again at once`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(failurePause: .seconds(60)))
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            try await age(redis, by: .seconds(850))
            source.fail(Source.Failure())
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            try await source.began.wait(count: 2)
            try await eventually("the refresh is over") { cache.engine.flights.count == 0 }
            for _ in 0..<20 { #expect(try await cache.remember("a") { try await source.get() } == 1) }
            #expect(source.loads == 2)
        }
    }

    /// The stale value lives in Redis; the near cache hands out nothing that it is not sure of.
    @Test(arguments: [false, true])
    func `without Redis there is no stale value to serve: the source answers, or its error is the caller's`(
        isNear: Bool
    ) async throws {
        try await withRedis { server, redis in
            let source = Source()
            let cache = cache(redis, .failSafe).with {
                $0.timeout = .milliseconds(200)
                $0.near = isNear ? NearCacheOptions() : nil
            }
            if isNear { try await cache.untilNear(.tracking) }
            for _ in 0..<5 { #expect(try await cache.remember("a") { try await source.get() } == 1) }
            await server.kill()
            try await eventually("the loss is known") { !isNear || cache.near?.state == .connecting }
            source.set(2)
            #expect(try await cache.remember("a") { try await source.get() } == 2)
            source.fail(Source.Failure(number: 3))
            await #expect(throws: Source.Failure(number: 3)) {
                try await cache.remember("a") { try await source.get() }
            }
            try await server.start()
        }
    }

    @Test func `a refresh that finds no value any more removes the old one`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(negativeTTL: nil))
            let source = Source()
            _ = try await cache.remember("a") { try await source.load() }
            try await age(redis, by: .seconds(850))
            source.set(nil)
            #expect(try await cache.remember("a") { try await source.load() } == 1)
            try await eventually("gone") { try await cache.get("a", as: Int.self) == nil }
        }
    }

    @Test func `early refresh can be switched off`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(early: .off))
            let source = Source()
            _ = try await cache.remember("a") { try await source.get() }
            // Nothing to judge: the entry has no freshness at all.
            let state = try await cache.sight("app:a", operation: "test").state
            guard case .present(let stored) = state else {
                Issue.record("not there")
                return
            }
            #expect(stored.envelope?.freshness == nil)
        }
    }

    @Test func `jitter shortens lives, each by another part`() async throws {
        try await withRedis { server, redis in
            let cache = cache(redis, .init(jitter: 0.5))
            var lives: Set<Int> = []
            for number in 0..<20 {
                _ = try await cache.remember("j\(number)") { number }
                lives.insert((try server("PTTL", "app:j\(number)").int ?? 0) / 1_000)
            }
            #expect(lives.allSatisfy { $0 >= 480 && $0 <= 1_000 })
            #expect(lives.count > 5)
        }
    }

    /// T5: only the server's clock counts; here it is asked for when it is not known, in the same round trip.
    @Test func `freshness is judged by the server's clock, which is asked for with the value`() async throws {
        try await withRedis { server, redis in
            _ = try await cache(redis).remember("a") { 1 }
            try await withClient(server.configuration) { other in
                let fresh = cache(other)
                #expect(fresh.engine.serverTime == nil)
                #expect(try await fresh.remember("a") { 2 } == 1)
                #expect(fresh.engine.serverTime != nil)
                try await age(redis, by: .seconds(2_000))
                #expect(try await fresh.remember("a") { 2 } == 2)
            }
        }
    }
}
