import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct RateLimiterTests {
    static let algorithms: [RateLimit.Algorithm] = [
        .slidingWindowLog, .slidingWindowBuckets(), .tokenBucket(burst: 3), .fixedWindow,
    ]

    @Test(arguments: algorithms)
    func `a key is admitted up to its limit and told when to come back`(
        algorithm: RateLimit.Algorithm
    ) async throws {
        try await withRedis { server, redis in
            let rule = try RateLimit(3, per: .seconds(600), algorithm: algorithm)
            let limiter = try RateLimiter(redis, rule, timeout: .seconds(60))
            for left in [2, 1, 0] {
                let verdict = try await limiter.check("user:7")
                #expect(verdict.isAllowed && verdict.admitted == 1)
                #expect(verdict.remaining == left && verdict.limit == 3 && verdict.rule == rule)
                #expect(verdict.retryAfter == nil && verdict.resetAfter > .zero && verdict.source == .server)
            }
            let refused = try await limiter.check("user:7")
            let wait = try #require(refused.retryAfter)
            #expect(!refused.isAllowed && refused.admitted == 0 && refused.remaining == 0)
            #expect(wait > .zero && wait <= .seconds(611) && wait == refused.resetAfter)
            #expect(try await limiter.check("user:8").isAllowed, "keys are counted apart")
            let key = "signalbox:limit:{user:7}:\(rule.spec)"
            #expect(try server("EXISTS", key) == 1)
        }
    }

    @Test func `a check is one round trip, and one script`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 100, per: .seconds(60), timeout: .seconds(60))
            _ = try await limiter.check("a")
            try server("CONFIG", "RESETSTAT")
            for _ in 0..<10 { _ = try await limiter.check("a") }
            #expect(try server.calls(of: "evalsha") == 10)
            #expect(try server.calls(of: "eval") == 0)
        }
    }

    @Test func `costs`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 10, per: .seconds(600), timeout: .seconds(60))
            #expect(try await limiter.check("a", cost: 7).remaining == 3)
            #expect(try await limiter.check("a", cost: 4).retryAfter != nil)
            #expect(try await limiter.check("a", cost: 3).remaining == 0)
            #expect(try await limiter.checkAtMost("b", cost: 99).admitted == 10)
            #expect(try await limiter.checkAtMost("b", cost: 1).admitted == 0)
            await expectError(.invalidArgument) { try await limiter.check("a", cost: 0) }
            await expectError(.invalidArgument) { try await limiter.checkAtMost("a", cost: -1) }
            try server("CONFIG", "RESETSTAT")
            #expect(try await limiter.check("c", cost: 11).outcome == .neverAllowed)
            #expect(try await limiter.peek("c", cost: 11).outcome == .neverAllowed)
            #expect(try server.calls(of: "evalsha") == 0, "what is never admitted is not asked")
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 1_025)])
    func `empty and endless keys are refused`(key: String) async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 10, per: .seconds(600), timeout: .seconds(60))
            await expectError(.invalidArgument) { try await limiter.check(key) }
            await expectError(.invalidArgument) { try await limiter.check(keys: ["a", key]) }
            await expectError(.invalidArgument) { try await limiter.peek(key) }
            await expectError(.invalidArgument) { try await limiter.reset(key) }
        }
    }

    @Test func `keys of any length and with any characters work`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .seconds(600), timeout: .seconds(60))
            let keys = [
                "a}b{c", "größe", "x\r\ny", String(repeating: "k", count: 1_024), String(repeating: "é", count: 400),
            ]
            for key in keys {
                #expect(try await limiter.check(key).remaining == 1)
                #expect(try await limiter.check(key).remaining == 0)
                #expect(try await limiter.check(key).isAllowed == false)
            }
            #expect(try server("EXISTS", "signalbox:limit:{a%7Db%7Bc}:log-2-600000") == 1)
        }
    }

    @Test func `looking counts nothing`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            #expect(try await limiter.peek("a").isAllowed)
            #expect(try await limiter.peek("a").remaining == 1)
            #expect(try server("DBSIZE") == 0)
            _ = try await limiter.check("a")
            #expect(try await limiter.peek("a").retryAfter != nil)
        }
    }

    // MARK: Refusals known here

    @Test func `a refusal is answered here until time can change it`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 5, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a", cost: 4)
            let first = try await limiter.check("a", cost: 3)
            try server("CONFIG", "RESETSTAT")
            for _ in 0..<100 {
                let verdict = try await limiter.check("a", cost: 3)
                #expect(verdict.source == .denyCache && verdict.remaining == 1 && !verdict.isAllowed)
                let wait = try #require(verdict.retryAfter)
                #expect(wait > .seconds(500) && wait <= first.retryAfter ?? .zero)
            }
            #expect(try server.calls(of: "evalsha") == 0)
            #expect(try await limiter.check("a").isAllowed, "a smaller cost is asked for")
            #expect(try await limiter.check("b", cost: 3).isAllowed)
        }
    }

    @Test func `without the cache every call is asked`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), denyCache: false, timeout: .seconds(60))
            for _ in 0..<4 { _ = try await limiter.check("a") }
            #expect(try await limiter.check("a").source == .server)
        }
    }

    @Test func `a reset through any limiter of the client is seen at once`() async throws {
        try await withRedis { _, redis in
            let one = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            let other = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            _ = try await one.check("a")
            #expect(try await one.check("a").source == .server)
            #expect(try await one.check("a").source == .denyCache)
            #expect(try await other.reset("a"))
            #expect(try await one.check("a").isAllowed)
            #expect(try await other.reset("a"))
            #expect(try await other.reset("a") == false)
        }
    }

    @Test func `who waits as told is admitted, with the cache on`() async throws {
        try await withRedis { _, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .milliseconds(60), timeout: .seconds(60))
            for _ in 0..<5 {
                guard let wait = try await limiter.check("a").retryAfter else { continue }
                try await redis.eventLoop.sleep(for: wait)
                #expect(try await limiter.check("a").isAllowed)
            }
        }
    }

    // MARK: Several rules, many keys

    @Test func `several rules are one round trip, all or nothing`() async throws {
        try await withRedis { server, redis in
            let rules = [
                try RateLimit(2, per: "10m", name: "burst"), try RateLimit(600, per: "1h", name: "hourly"),
            ]
            let limiter = try RateLimiter(redis, rules, timeout: .seconds(60))
            let verdict = try await limiter.check("a")
            #expect(verdict.rule.name == "burst" && verdict.remaining == 1)
            #expect(verdict.statuses.map(\.remaining) == [1, 599])
            try server("CONFIG", "RESETSTAT")
            _ = try await limiter.check("a")
            let refused = try await limiter.check("a")
            #expect(try server.calls(of: "evalsha") == 2)
            #expect(refused.rule.name == "burst" && refused.statuses.map(\.remaining) == [0, 598])
            #expect(try await limiter.check("a").source == .denyCache)
            #expect(try await limiter.reset("a"))
            #expect(try await limiter.check("a").statuses.map(\.remaining) == [1, 599])
        }
    }

    @Test func `a rule for all keys limits the limiter as a whole`() async throws {
        try await withRedis { server, redis in
            let rules = [
                try RateLimit(2, per: "10m"), try RateLimit(3, per: "10m", name: "everybody", scope: .allKeys),
            ]
            let limiter = try RateLimiter(redis, rules, name: "api", timeout: .seconds(60))
            _ = try await limiter.check("a")
            _ = try await limiter.check("a")
            #expect(try await limiter.check("a").rule.name == "2/10m")
            #expect(try await limiter.check("b").isAllowed)
            let refused = try await limiter.check("b")
            #expect(refused.rule.name == "everybody" && !refused.isAllowed)
            try await eventually("announced") { try server("EXISTS", "signalbox:limits:{api}") == 1 }
            let keys = Set(try server("KEYS", "*").strings)
            #expect(
                keys == [
                    "signalbox:limits:{api}", "signalbox:limits:{api}:a:log-2-600000",
                    "signalbox:limits:{api}:b:log-2-600000", "signalbox:limits:{api}::log-3-600000",
                ])
        }
    }

    @Test func `what cannot be a limiter is refused`() async throws {
        try await withRedis { _, redis in
            let rule = try RateLimit(3, per: "1m")
            await expectError(.invalidArgument) { try RateLimiter(redis, []) }
            await expectError(.invalidArgument) { try RateLimiter(redis, [rule, rule]) }
            await expectError(.invalidArgument) {
                try RateLimiter(redis, try (1...9).map { try RateLimit($0, per: "1m") })
            }
            await expectError(.invalidArgument) {
                try RateLimiter(redis, try RateLimit(3, per: "1m", scope: .allKeys))
            }
            await expectError(.invalidArgument) { try RateLimiter(redis, rule, timeout: .zero) }
            await expectError(.invalidArgument) {
                try RateLimiter(redis, rule, onFailure: .local(limit: 0, per: .seconds(1)))
            }
        }
    }

    @Test func `many keys are one round trip, each for itself`() async throws {
        try await withRedis { server, redis in
            for rules in [[try RateLimit(2, per: "10m")], [try RateLimit(2, per: "10m"), try RateLimit(9, per: "1h")]] {
                try server("FLUSHALL")
                let limiter = try RateLimiter(redis, rules, denyCache: false, timeout: .seconds(60))
                let keys = (0..<50).map { "k\($0)" } + ["k0", "k0"]
                try server("CONFIG", "RESETSTAT")
                let verdicts = try await limiter.check(keys: keys)
                #expect(verdicts.map(\.remaining) == Array(repeating: 1, count: 50) + [0, 0])
                #expect(verdicts.map(\.isAllowed) == Array(repeating: true, count: 51) + [false])
                #expect(try await limiter.check(keys: []).isEmpty)
                #expect(try await limiter.check(keys: keys, cost: 9).allSatisfy { $0.outcome == .neverAllowed })
            }
        }
    }

    @Test func `of many keys only those are asked whose refusal is not known`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check(keys: ["a", "b", "a", "b"])
            try server("CONFIG", "RESETSTAT")
            let verdicts = try await limiter.check(keys: ["a", "c", "b"])
            #expect(verdicts.map(\.source) == [.denyCache, .server, .denyCache])
            #expect(try server.calls(of: "evalsha") == 1)
        }
    }

    // MARK: Configuration

    @Test func `limiters of one name with different rules count apart, and are warned about`() async throws {
        try await withRedis { server, redis in
            let log = LogLines()
            let other = RedisClient(server.configuration, logger: log.logger)
            let one = try RateLimiter(redis, limit: 1, per: .seconds(600), name: "api", timeout: .seconds(60))
            let two = try RateLimiter(other, limit: 2, per: .seconds(600), name: "api", timeout: .seconds(60))
            _ = try await one.check("a")
            try await eventually("announced") { try server("HLEN", "signalbox:limits:{api}") == 1 }
            #expect(try await two.check("a").remaining == 1, "the record of other rules is not touched")
            try await eventually("warned") { log.count(of: "different rules") == 1 }
            #expect(try server("HLEN", "signalbox:limits:{api}") == 2)
            let found = try await RateLimiter.announced(redis, name: "api")
            #expect(found.map { $0.rules.map(\.limit) } == [[1], [2]])
            #expect(try await found[0].peek("a").remaining == 0)
            #expect(try await found[1].peek("a").remaining == 1)
            #expect(try await found[0].reset("a"))
            #expect(try await RateLimiter.announced(redis, name: "unknown").isEmpty)
            await expectError(.invalidArgument) { try await RateLimiter.announced(redis, name: "") }
            await other.close()
        }
    }

    @Test func `the same name and rules are one limiter and no conflict`() async throws {
        try await withRedis { server, redis in
            let log = LogLines()
            let other = RedisClient(server.configuration, logger: log.logger)
            let rule = try RateLimit(5, per: .seconds(600))
            _ = try await RateLimiter(redis, rule, name: "api", timeout: .seconds(60)).check("a")
            try await eventually("announced") { try server("HLEN", "signalbox:limits:{api}") == 1 }
            try server("CONFIG", "RESETSTAT")
            let second = try RateLimiter(other, rule, name: "api", timeout: .seconds(60))
            #expect(try await second.check("a").remaining == 3)
            try await eventually("announced") { try server.calls(of: "hset") == 1 }
            await other.close()
            #expect(log.count(of: "different rules") == 0)
        }
    }

    /// T10: the keys of one decision share a hash tag, and nobody's key reaches into another's.
    @Test func `all keys of a decision are in one slot`() throws {
        let each = try RateLimit(2, per: "1m")
        let all = try RateLimit(3, per: "1m", scope: .allKeys)
        let configuration = RedisConfiguration(prefix: "app")
        for (name, rules) in [("", [each]), ("n", [each, .api]), ("n", [each, all]), ("n", [all])] {
            let keys = try LimitKeys(configuration, name: name, rules: rules)
            for key in ["a", "a:b", "{x}"] {
                let tags = keys.records(try LimitKeys.escaped(key)).map { record in
                    record.name.split(separator: "{", maxSplits: 1)[1].split(separator: "}", maxSplits: 1)[0]
                }
                #expect(Set(tags).count == 1 && tags[0].isEmpty == false)
            }
            #expect(Set(keys.records("a") + keys.records("b")).count >= rules.count)
        }
        let escaped = try LimitKeys.escaped("a}:x{b")
        #expect(escaped == "a%7D:x%7Bb")
    }
}
