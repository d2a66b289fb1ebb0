import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T4 for limiters: the link is cut before or after the server executed a check; it is counted once.
@Suite struct LimitLostReplyTests {
    private func withCut(
        _ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            // A request must be EVALSHA at once for the proxy to recognise it.
            try server.load(
                LimitScripts.log, LimitScripts.buckets, LimitScripts.tokens, LimitScripts.fixed, LimitScripts.several)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    @Test(arguments: RateLimiterTests.algorithms, [true, false])
    func `a check is counted once`(algorithm: RateLimit.Algorithm, executed: Bool) async throws {
        try await withCut { _, proxy, redis in
            let rule = try RateLimit(3, per: .seconds(600), algorithm: algorithm)
            let limiter = try RateLimiter(redis, rule, onFailure: .closed, timeout: .seconds(60))
            let script = LimitScripts.script(for: rule.algorithm).sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let verdict = try await limiter.check("a")
            #expect(proxy.faultDone.count == 1)
            #expect(verdict.isAllowed && verdict.source == .server && verdict.remaining == 2)
            #expect(try await limiter.peek("a").remaining == 2)
        }
    }

    @Test(arguments: [true, false])
    func `several rules count once`(executed: Bool) async throws {
        try await withCut { _, proxy, redis in
            let rules = try RateLimiterTests.algorithms.map { try RateLimit(3, per: .seconds(600), algorithm: $0) }
            let limiter = try RateLimiter(redis, rules, onFailure: .closed, timeout: .seconds(60))
            let script = LimitScripts.several.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            #expect(try await limiter.check("a", cost: 2).admitted == 2)
            #expect(proxy.faultDone.count == 1)
            #expect(try await limiter.peek("a").statuses.map(\.remaining) == [1, 1, 1, 1])
        }
    }

    @Test(arguments: [true, false])
    func `at most takes once, and says what it took`(executed: Bool) async throws {
        try await withCut { _, proxy, redis in
            let limiter = try RateLimiter(
                redis, limit: 5, per: .seconds(600), onFailure: .closed, timeout: .seconds(60))
            _ = try await limiter.check("a", cost: 2)
            proxy.set(
                executed
                    ? .cutBeforeReply(match: LimitScripts.log.sha) : .cutBeforeSend(match: LimitScripts.log.sha))
            #expect(try await limiter.checkAtMost("a", cost: 9).admitted == 3)
            #expect(proxy.faultDone.count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `many keys count once each`(executed: Bool) async throws {
        try await withCut { _, proxy, redis in
            let limiter = try RateLimiter(
                redis, limit: 5, per: .seconds(600), onFailure: .closed, timeout: .seconds(60))
            proxy.set(
                executed
                    ? .cutBeforeReply(match: LimitScripts.log.sha) : .cutBeforeSend(match: LimitScripts.log.sha))
            let keys = ["a", "b", "c"]
            #expect(try await limiter.check(keys: keys).map(\.isAllowed) == [true, true, true])
            #expect(proxy.faultDone.count == 1)
            for key in keys { #expect(try await limiter.peek(key).remaining == 4) }
        }
    }

    @Test func `checks of many tasks on one key, cut in the middle, are counted once each`() async throws {
        try await withCut { _, proxy, redis in
            let limiter = try RateLimiter(
                redis, limit: 500, per: .seconds(600), onFailure: .closed, timeout: .seconds(60))
            proxy.set(.cutBeforeReply(match: LimitScripts.log.sha, times: 3))
            let admitted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<200 { group.addTask { try await limiter.check("a").admitted } }
                return try await group.reduce(0, +)
            }
            #expect(admitted == 200)
            #expect(try await limiter.peek("a").remaining == 300)
        }
    }

    @Test func `a server that lost its scripts is sent them again`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(
                redis, limit: 5, per: .seconds(600), onFailure: .closed, timeout: .seconds(60))
            _ = try await limiter.check("a")
            try server("SCRIPT", "FLUSH")
            #expect(try await limiter.check("a").remaining == 3)
            try server("SCRIPT", "FLUSH")
            #expect(try await limiter.check(keys: ["a"])[0].remaining == 2)
        }
    }
}
