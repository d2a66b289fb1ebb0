import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Stamps and entries while the server's clock is in the test's hand: `TIME` in the scripts' text reads a key.
@Suite struct StampClockTests {
    @Test func `a stamp is always later than the last, whatever the clock does`() async throws {
        try await withRedis { server, redis in
            var clock = try SimulatedClock(server, redis)
            let first = try await clock.stamp("t")
            #expect(first == clock.now)
            #expect(try await clock.stamp("t") == first + 1)
            try clock.advance(-3_600_000)
            #expect(try await clock.stamp("t") == first + 2)
            try clock.advance(7_200_000)
            #expect(try await clock.stamp("t") == clock.now)
        }
    }

    @Test func `stamps of one call are one moment, later than each of the last`() async throws {
        try await withRedis { server, redis in
            var clock = try SimulatedClock(server, redis)
            try clock.advance(1_000)
            let a = try await clock.stamp("a")
            try clock.advance(-500)
            #expect(try await clock.stamp("a", "b") == a + 1)
            #expect(try server("GET", "{app}:tag:b").string == "\(a + 1)")
            #expect(try server("GET", "{app}:tag:a").string == "\(a + 1)")
        }
    }

    @Test func `entries written after the clock went back are dead at worst, never stale`() async throws {
        try await withRedis { server, redis in
            var clock = try SimulatedClock(server, redis)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            _ = try await clock.stamp("t")
            try clock.advance(-60_000)
            try await clock.set(cache, "a", 1, tag: "t")
            #expect(try await cache.get("a", as: Int.self) == nil, "written in between: a miss")
            _ = try await clock.stamp("t")
            try clock.advance(61_000)
            #expect(try await cache.get("a", as: Int.self) == nil, "and it never comes back")
            try await clock.set(cache, "a", 2, tag: "t")
            #expect(try await cache.get("a", as: Int.self) == 2)
        }
    }

    @Test func `an entry from before the jump dies, if the invalidating process knew the clock`() async throws {
        try await withRedis { server, redis in
            var clock = try SimulatedClock(server, redis)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await clock.set(cache, "a", 1, tag: "t")
            let seen = clock.now
            try clock.advance(-200)
            let stamp = try await clock.stamp("t", seen: seen)
            #expect(stamp == seen)
            #expect(try await cache.get("a", as: Int.self) == nil)
            try clock.advance(1_000)
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `a clock that was wrong by more than an hour does not end everything for that long`() async throws {
        try await withRedis { server, redis in
            let clock = try SimulatedClock(server, redis)
            #expect(try await clock.stamp("t", seen: clock.now + 3_600_000_001) == clock.now)
            #expect(try await clock.stamp("t", seen: clock.now + 3_600_000_000) == clock.now + 3_600_000_000)
        }
    }

    @Test func `a stamp that somebody damaged is as good as none`() async throws {
        try await withRedis { server, redis in
            let clock = try SimulatedClock(server, redis)
            try server("SET", "{app}:tag:t", "nonsense", "PX", "60000")
            #expect(try await clock.stamp("t") == clock.now)
        }
    }
}

@Suite struct LatestServerTimeTests {
    private let second: Int64 = 1_000_000

    @Test func `without a jump the latest known time is not after the server's`() {
        var clock = ServerClock()
        #expect(clock.latestKnown(0) == 0)
        // The server's clock is 1,000 s ahead; a reply takes up to 2 ms each way.
        for step in Int64(0)..<100 {
            let sent = step * second
            let out = (step * 37) % 2_000
            let back = (step * 91) % 2_000
            clock.note(sent + out + 1_000 * second, sent: sent, received: sent + out + back)
            for later in [0, 10, second / 2] {
                let now = sent + out + back + later
                #expect(clock.latestKnown(now) <= now + 1_000 * second)
                #expect(clock.latestKnown(now) >= now + 1_000 * second - 8_000)
            }
        }
    }

    @Test func `after a jump back it is where the clock had got to, until that time comes again`() {
        var clock = ServerClock()
        clock.note(1_000 * second, sent: 0, received: 100)
        // Ten seconds later another server answers, 200 ms behind.
        clock.forget(10 * second)
        let reached = clock.latestKnown(10 * second)
        #expect(reached > 1_010 * second - 5_000 && reached <= 1_010 * second)
        clock.note(1_010 * second - 200_000, sent: 10 * second, received: 10 * second + 100)
        #expect(clock.latestKnown(10 * second + 100) == reached)
        clock.note(1_011 * second, sent: 11 * second + 200_000, received: 11 * second + 200_100)
        #expect(clock.latestKnown(11 * second + 200_100) >= 1_011 * second - 5_000)
    }

    @Test func `a jump that a reply shows is remembered too`() {
        var clock = ServerClock()
        clock.note(1_000 * second, sent: 0, received: 100)
        clock.note(900 * second, sent: second, received: second + 100)
        #expect(clock.latestKnown(second + 100) > 1_000 * second)
        #expect(clock.time(second + 100).map { $0 < 901 * second } == true)
    }
}

/// The server's clock as scripts see it; keys still live by its real one.
struct SimulatedClock {
    private static let key = "test:clock"
    let server: RedisServer
    let redis: RedisClient
    /// µs.
    private(set) var now: Int64 = 1_763_700_000_000_000

    init(_ server: RedisServer, _ redis: RedisClient) throws {
        self.server = server
        self.redis = redis
        try set()
    }

    mutating func advance(_ milliseconds: Int64) throws {
        now += milliseconds * 1_000
        try set()
    }

    private func set() throws {
        try server("DEL", Self.key)
        try server("RPUSH", Self.key, "\(now / 1_000_000)", "\(now % 1_000_000)")
        try server("PEXPIRE", Self.key, "600000")
    }

    func script(_ script: RedisScript) -> RedisScript {
        let source = script.source.replacing("redis.call('TIME')", with: "redis.call('LRANGE', '\(Self.key)', 0, 1)")
        return RedisScript(script.name, source)
    }

    func stamp(_ tags: String..., seen: Int64 = 0) async throws -> Int64 {
        let keys = CacheKeys(prefix: "app", database: 0)
        return try await redis.evaluate(
            script(TagScripts.stamp), keys: tags.map(keys.tag),
            arguments: ["600000", seen, TagScripts.longestLead * 1_000])
    }

    func set(_ cache: RedisCache, _ key: String, _ value: Int, tag: String) async throws {
        let entry = try cache.redisKey(key)
        let pieces = try cache.pieces(value, [tag], entry, "test")
        let _: Int64 = try await redis.evaluate(
            script(CacheScripts.set(isConditional: false)), keys: [entry, CacheKeys.lease(of: entry)],
            arguments: [pieces.head, pieces.tail, "600000", "", ""])
    }
}
