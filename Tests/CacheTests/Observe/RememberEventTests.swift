import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct RememberEventTests {
    private func cache(_ redis: RedisClient, _ heard: Heard, _ terms: RememberOptions = .default) -> RedisCache {
        let options = CacheOptions(timeout: .seconds(60), remember: terms, observer: heard.observer)
        return RedisCache(redis, prefix: "app", options: options)
    }

    @Test func `a call tells its miss, the load and that its value was stored, in this order; then hits`() async throws
    {
        try await withRedis { server, redis in
            let heard = Heard()
            let cache = cache(redis, heard)
            #expect(try await cache.remember("a") { 1 } == 1)
            #expect(heard.take() == ["app/a miss", "app/a loaded own", "app/a set"])
            #expect(try await cache.remember("a") { 2 } == 1)
            #expect(heard.take() == ["app/a hit redis"])

            let nothing: @Sendable () async throws -> Int? = { nil }
            #expect(try await cache.remember("b", nothing) == nil)
            #expect(try await cache.remember("b", nothing) == nil)
            #expect(try await cache.get("b", as: Int.self) == nil)
            #expect(
                heard.take() == [
                    "app/b miss", "app/b loaded own", "app/b set", "app/b negative hit redis",
                    "app/b negative hit redis",
                ])

            try await cache.set("c", "no number")
            #expect(try await cache.remember("c") { 3 } == 3)
            #expect(
                heard.take() == [
                    "app/c set", "app/c undecodable", "app/c miss", "app/c loaded own", "app/c set",
                ])
        }
    }

    @Test func `a load is told once by who loads, and as shared by each of the others`() async throws {
        try await withRedis { _, redis in
            let heard = Heard()
            let cache = cache(redis, heard)
            let source = Source()
            source.hold()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 { group.addTask { try await cache.remember("a") { try await source.get() } } }
                try await eventually("all wait") {
                    redis.cacheWaiters(RedisKey("app:a")) == 3
                }
                source.release()
                try await group.waitForAll()
            }
            #expect(heard.count(of: "app/a miss") == 3)
            #expect(heard.count(of: "app/a loaded own") == 1)
            #expect(heard.count(of: "app/a loaded shared") == 2)
            #expect(heard.all.count == 7, "and one set")
        }
    }

    @Test func `a value that another process loaded is told as such`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let (heard, other) = (Heard(), Heard())
                let source = Source()
                source.hold()
                let terms = CacheOptions.unhurriedLoads.remember
                async let first = cache(redis, other, terms).remember("a") { try await source.get() }
                try await source.began.wait()
                async let value = cache(second, heard, terms).remember("a") { try await source.get() }
                try await eventually("it waits for the other's load") {
                    try server("PUBSUB", "NUMSUB", "{app:a}:fill:wake:0").array?.last?.int == 1
                }
                source.release()
                let values = try await [first, value]
                #expect(values == [1, 1])
                #expect(other.all == ["app/a miss", "app/a loaded own", "app/a set"])
                #expect(heard.all == ["app/a miss", "app/a loaded otherProcess"])
            }
        }
    }

    @Test func `a load that fails is told once, with what it threw, and a stale value for each that gets one`()
        async throws
    {
        try await withRedis { _, redis in
            let heard = Heard()
            let terms = RememberOptions(jitter: 0, early: .off, failSafe: .init(), failurePause: .zero)
            let cache = cache(redis, heard, terms)
            let source = Source()
            source.fail(Source.Failure(number: 7))
            await #expect(throws: Source.Failure(number: 7)) {
                try await cache.remember("a") { try await source.get() }
            }
            #expect(heard.take() == ["app/a miss", "app/a load failed Failure(number: 7)"])

            source.fail(nil)
            #expect(try await cache.remember("a", ttl: .after(.milliseconds(1))) { try await source.get() } == 1)
            source.fail(Source.Failure(number: 8))
            _ = heard.take()
            try await eventually("it is stale") {
                _ = try await cache.remember("a") { try await source.get() }
                return heard.count(of: "app/a staleServed") == 2
            }
            // The second is served under the throttle, without another try.
            #expect(heard.count(of: "app/a load failed Failure(number: 8)") == 1)
            #expect(heard.count(of: "app/a miss") == 0)
        }
    }

    @Test func `a refresh in the background is told by the task that does it`() async throws {
        try await withRedis { _, redis in
            let heard = Heard()
            let cache = cache(redis, heard, RememberOptions(jitter: 0, early: .threshold(0.000_01)))
            #expect(try await cache.remember("a", ttl: .after(.seconds(100))) { 1 } == 1)
            _ = heard.take()
            try await eventually("it was refreshed") {
                _ = try await cache.remember("a", ttl: .after(.seconds(100))) { 2 }
                return heard.count(of: "app/a loaded refresh") > 0
            }
            #expect(heard.count(of: "app/a miss") == 0 && heard.count(of: "app/a loaded own") == 0)
        }
    }

    @Test func `without Redis a call tells so and then its load`() async throws {
        try await withClient(RedisConfiguration(endpoint: .unix(path: "/nonexistent/redis.sock"))) { redis in
            let heard = Heard()
            let cache = cache(redis, heard).with { $0.timeout = .milliseconds(50) }
            let value = try await cache.remember("a") { 1 }
            #expect(value == 1)
            #expect(heard.take() == ["app/a unavailable", "app/a loaded own"])
            await expectError(.unavailable) {
                try await cache.with { $0.failure = .closed }.remember("a") { 1 }
            }
            #expect(heard.take() == ["app/a unavailable"])
        }
    }
}

extension RedisClient {
    /// How many callers of this process wait for a number's load.
    fileprivate func cacheWaiters(_ entry: RedisKey) -> Int { CacheEngine.of(self).flights.waiters(entry, Int.self) }
}
