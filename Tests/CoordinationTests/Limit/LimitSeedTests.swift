import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T8: the flaws of the limiters in requirements 000 to 004, one test each.
///
/// Elsewhere: what a hammering client meets in every algorithm (`LimitModelTests`), 16 processes (`LimitTortureTests`).
@Suite struct LimitSeedTests {
    private func admitted(_ limiter: RateLimiter, calls: Int, key: String = "a") async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<calls { group.addTask { try await limiter.check(key).admitted } }
            return try await group.reduce(0, +)
        }
    }

    @Test(arguments: RateLimiterTests.algorithms)
    func `000 concurrent calls lose no update`(algorithm: RateLimit.Algorithm) async throws {
        try await withRedis { server, redis in
            let rule = try RateLimit(
                algorithm == .tokenBucket(burst: 3) ? 3 : 100, per: .seconds(600), algorithm: algorithm)
            try await withClient(server.configuration) { other in
                let one = try RateLimiter(redis, rule, denyCache: false, timeout: .seconds(60))
                let two = try RateLimiter(other, rule, denyCache: false, timeout: .seconds(60))
                async let first = admitted(one, calls: 400)
                async let second = admitted(two, calls: 400)
                #expect(try await first + second == rule.capacity)
            }
        }
    }

    @Test func `000 a steady client does not push its window on`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for algorithm in RateLimiterTests.algorithms {
                // Seed 000 wrote the time to live with every hit, so its count of a steady client never began anew.
                let rule = try RateLimit(3, per: .seconds(60), algorithm: algorithm)
                var redis = VirtualServer(server)
                for id in 1...60 {
                    #expect(try redis.call(rule, id: Int64(id))[0] == 1, "\(rule.spec), call \(id)")
                    redis.now += 31_000_000
                }
            }
        }
    }

    @Test func `000 an error is not taken for the first call`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(
                redis, limit: 2, per: .seconds(600), onFailure: .closed, denyCache: false, timeout: .seconds(60))
            _ = try await limiter.check("a", cost: 2)
            try server("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try await limiter.check("a").isAllowed == false)
            try server("CONFIG", "SET", "min-replicas-to-write", "0")
            let verdict = try await limiter.check("a")
            #expect(verdict.source == .server && !verdict.isAllowed, "the count is what it was")
        }
    }

    @Test(arguments: RateLimiterTests.algorithms)
    func `001 a count never stays without a time to live`(algorithm: RateLimit.Algorithm) async throws {
        try await withRedis { server, redis in
            // Seed 001 sent INCR, then EXPIRE: a process that died in between left a count for ever.
            let rule = try RateLimit(3, per: .milliseconds(1_500), algorithm: algorithm)
            _ = try await RateLimiter(redis, rule, timeout: .seconds(60)).check("a")
            let left = try server("PTTL", "signalbox:limit:{a}:\(rule.spec)").int ?? -1
            #expect((1...1_600).contains(left) || left == -2, "\(left)")
            #expect(try server.calls(of: "incr") == 0)
        }
    }

    @Test(arguments: RateLimiterTests.algorithms)
    func `002 refused calls are not counted`(algorithm: RateLimit.Algorithm) async throws {
        try await withRedis { server, redis in
            let rule = try RateLimit(3, per: .seconds(600), algorithm: algorithm)
            let limiter = try RateLimiter(redis, rule, denyCache: false, timeout: .seconds(60))
            _ = try await limiter.check("a", cost: 3)
            let before = try server("DUMP", "signalbox:limit:{a}:\(rule.spec)")
            for _ in 0..<200 { #expect(try await limiter.check("a").isAllowed == false) }
            #expect(try server("DUMP", "signalbox:limit:{a}:\(rule.spec)") == before)
        }
    }

    @Test func `002 a window is not twice as wide around its end, unless that was chosen`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in [RateLimit.api, try RateLimit(100, per: "1m", algorithm: .slidingWindowBuckets())] {
                var redis = VirtualServer(server)
                _ = try redis.call(rule, id: 1)
                redis.now += 59_000_000
                #expect(try redis.call(rule, id: 2, cost: 99)[0] == 99)
                redis.now += 2_100_000
                #expect(try redis.call(rule, id: 3, cost: 99)[0] < 0)
                #expect(try redis.call(rule, id: 4, cost: 99, atMost: true)[0] <= 1)
            }
        }
    }

    @Test func `003 a client that hammers is served again as soon as the window allows`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for algorithm in RateLimiterTests.algorithms {
                let rule = try RateLimit(3, per: .seconds(60), algorithm: algorithm)
                var redis = VirtualServer(server)
                var id: Int64 = 0
                var served: [Int64] = []
                while redis.now < 1_763_700_000_000_000 + 180_000_000 {
                    id += 1
                    if try redis.call(rule, id: id)[0] > 0 { served.append(redis.now - 1_763_700_000_000_000) }
                    redis.now += 250_000
                }
                // At the start, and again when a window (and a bucket) has passed.
                #expect(served.count >= 6, "\(rule.spec): \(served)")
                #expect(served.contains { (60_000_000...62_000_000).contains($0) }, "\(rule.spec): \(served)")
            }
        }
    }

    @Test func `003 calls of one instant are all counted`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in try RateLimiterTests.algorithms.map({ try RateLimit(3, per: .seconds(60), algorithm: $0) }) {
                let redis = VirtualServer(server)
                let decisions = try (1...5).map { try redis.call(rule, id: Int64($0))[0] > 0 }
                #expect(decisions == [true, true, true, false, false], "\(rule.spec)")
            }
        }
    }

    @Test func `003 the reset is when the oldest call leaves, not a window from now`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let rule = RateLimit.api
            var redis = VirtualServer(server)
            _ = try redis.call(rule, id: 1)
            redis.now += 40_000_001
            #expect(try redis.call(rule, id: 2)[3] == 19_999_999)
        }
    }

    /// T5: every time of a decision is the server's; the client's clock is not in any argument.
    @Test func `003 no client's clock takes part`() async throws {
        try await withRedis { server, redis in
            let monitor = try server.connect(timeout: .seconds(60))
            try monitor("MONITOR")
            let rules = try RateLimiterTests.algorithms.map { try RateLimit(3, per: .seconds(600), algorithm: $0) }
            for rule in rules { _ = try await RateLimiter(redis, rule, timeout: .seconds(60)).check("a") }
            _ = try await RateLimiter(redis, rules, name: "n", timeout: .seconds(60)).check("a")
            _ = try await RateLimiter(redis, rules[0], timeout: .seconds(60)).checkAtMost("b", cost: 2)
            _ = try await RateLimiter(redis, rules[0], timeout: .seconds(60)).peek("b")
            try server("ECHO", "that was all")
            var commands: [[String]] = []
            while let line = try monitor.receive().string, !line.contains("that was all") {
                guard !line.contains(" lua]"), line.contains("\"EVAL") else { continue }
                commands.append(line.split(separator: "\"").map(String.init))
            }
            #expect(commands.count >= 7)
            // Small numbers only: limits, windows of at most ten minutes, a random number of 31 bits. An epoch in
            // seconds, milliseconds or microseconds would stand out, and so would a monotonic clock in nanoseconds.
            for number in commands.joined().compactMap({ Int($0) }) {
                #expect(abs(number) < 1 << 31, "\(number)")
            }
            let times = commands.map { $0.compactMap { Int($0) }.filter { $0 > 1 } }
            #expect(Set(times[0].dropFirst()).isSubset(of: [3, 600_000_000, 0]), "\(times[0])")
        }
    }

    @Test func `003 Redis gone: open, and logged`() async throws {
        try await withRedisServer { server in
            let log = LogLines()
            let redis = RedisClient(server.configuration, logger: log.logger)
            let limiter = try RateLimiter(redis, .auth, timeout: .milliseconds(100))
            await server.kill()
            for _ in 0..<10 { #expect(try await limiter.check("auth:127.0.0.1").isAllowed) }
            #expect(log.count(of: "failure policy decides") == 1)
            await redis.close(drain: .zero)
        }
    }

    @Test func `004 a counter's window is set once and not by every call`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let rule = try RateLimit(5, per: .seconds(60), algorithm: .fixedWindow)
            var redis = VirtualServer(server)
            #expect(try redis.call(rule, id: 1)[3] == 60_000_000)
            redis.now += 59_000_000
            #expect(try redis.call(rule, id: 2)[3] == 1_000_000)
            redis.now += 1_000_000
            #expect(try redis.call(rule, id: 3)[2] == 4)
        }
    }
}
