import Foundation
import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// Without a verdict the policy decides: never a crash, never an error for the caller.
@Suite struct LimitFailureTests {
    private func expectPolicies(_ redis: RedisClient, _ key: String = "a") async throws {
        let open = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .milliseconds(200))
        for _ in 0..<3 {
            let verdict = try await open.check(key)
            #expect(verdict.isAllowed && verdict.source == .failurePolicy && verdict.admitted == 1)
        }
        #expect(try await open.check(keys: [key, "b"]).allSatisfy { $0.isAllowed && $0.source == .failurePolicy })
        let closed = try RateLimiter(
            redis, limit: 1, per: .seconds(600), onFailure: .closed, timeout: .milliseconds(200))
        for _ in 0..<3 {
            let verdict = try await closed.check(key)
            #expect(!verdict.isAllowed && verdict.source == .failurePolicy && verdict.retryAfter != nil)
        }
        let local = try RateLimiter(
            redis, limit: 1, per: .seconds(600), onFailure: .local(limit: 2, per: .seconds(600)),
            timeout: .milliseconds(200))
        var verdicts: [Bool] = []
        for _ in 0..<4 { verdicts.append(try await local.check(key).isAllowed) }
        #expect(verdicts == [true, true, false, false])
        #expect(try await local.check("other").isAllowed)
        await expectError(.invalidArgument) { try await open.check("") }
        await expectError(.unavailable) { try await open.peek(key) }
        await expectError(.unavailable) { try await open.reset(key) }
    }

    @Test func `nobody listens`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                var configuration = proxy.configuration
                configuration.commandTimeout = .milliseconds(300)
                try await withClient(configuration) { redis in try await expectPolicies(redis) }
            }
        }
    }

    @Test func `the server cannot write: out of memory`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), timeout: .seconds(60))
            #expect(try await limiter.check("a").source == .failurePolicy)
            let several = try RateLimiter(redis, [.api, .auth], timeout: .seconds(60))
            #expect(try await several.check("a").source == .failurePolicy)
            try server("CONFIG", "SET", "maxmemory", "0")
            #expect(try server("DBSIZE") == 0)
            let verdict = try await limiter.check("a")
            #expect(verdict.source == .server && verdict.isAllowed, "asked again at once: the server had answered")
        }
    }

    @Test func `out of memory is no reason to ask no more: what is full stays full`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 1, per: .seconds(600), denyCache: false, timeout: .seconds(60))
            _ = try await limiter.check("a")
            try server("CONFIG", "SET", "maxmemory", "1")
            let verdict = try await limiter.check("a")
            #expect(verdict.source == .server && !verdict.isAllowed, "a refusal writes nothing")
        }
    }

    @Test func `the server is a replica`() async throws {
        try await withRedis { server, redis in
            try server("REPLICAOF", "127.0.0.1", "1")
            let limiter = try RateLimiter(
                redis, limit: 1, per: .seconds(600), onFailure: .closed, timeout: .seconds(60))
            #expect(try await limiter.check("a").source == .failurePolicy)
            try server("REPLICAOF", "NO", "ONE")
            #expect(try await limiter.check("a").isAllowed)
        }
    }

    @Test func `the server has too few replicas to take writes`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            try server("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try await limiter.check("a").source == .failurePolicy)
            try server("CONFIG", "SET", "min-replicas-to-write", "0")
            #expect(try await limiter.check("a").source == .server)
        }
    }

    @Test func `the server cannot save and takes no writes`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 2, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            // A folder that is not empty stands where the file is to go.
            let file = server.directory + "/" + (try server("CONFIG", "GET", "dbfilename").strings.last ?? "")
            try FileManager.default.createDirectory(atPath: file + "/x", withIntermediateDirectories: true)
            try server("CONFIG", "SET", "save", "3600 1000000")
            try server("BGSAVE")
            try await eventually("saving failed") { try server.info()["rdb_last_bgsave_status"] == "err" }
            #expect(try await limiter.check("a").source == .failurePolicy)
            try server("CONFIG", "SET", "save", "")
            #expect(try await limiter.check("a").source == .server)
        }
    }

    @Test func `another program uses the key`() async throws {
        try await withRedis { server, redis in
            for algorithm in RateLimiterTests.algorithms {
                let rule = try RateLimit(5, per: .seconds(600), algorithm: algorithm)
                try server("SADD", "signalbox:limit:{a}:\(rule.spec)", "x")
                try server("PEXPIRE", "signalbox:limit:{a}:\(rule.spec)", "60000")
                #expect(try await RateLimiter(redis, rule, timeout: .seconds(60)).check("a").source == .failurePolicy)
            }
        }
    }

    @Test func `a silent server costs one timeout, not one for every call`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 5, per: .seconds(600), timeout: .milliseconds(100))
            _ = try await limiter.check("a")
            let paused = ContinuousClock.now
            server.pause()
            #expect(try await limiter.check("a").source == .failurePolicy)
            var verdicts: [RateLimitVerdict] = []
            for _ in 0..<1_000 { verdicts.append(try await limiter.check("b")) }
            // Of many calls at the same time, one asks again and the others do not wait for it.
            try await redis.eventLoop.sleep(for: .milliseconds(110))
            try await withThrowingTaskGroup(of: RateLimitVerdict.self) { group in
                for _ in 0..<50 { group.addTask { try await limiter.check("b") } }
                for try await verdict in group { verdicts.append(verdict) }
            }
            #expect(verdicts.allSatisfy { $0.source == .failurePolicy })
            // However slow this machine is: the first, the one that found silence, and one for each timeout since.
            let most = 3 + Int((ContinuousClock.now - paused) / .milliseconds(100))
            server.resume()
            #expect(try server.calls(of: "evalsha") <= most, "what was sent meanwhile is executed now")
            try await eventually("asked again") { try await limiter.check("c").source == .server }
        }
    }

    @Test func `an outage is logged once, and its end`() async throws {
        try await withRedisServer { server in
            let log = LogLines()
            let redis = RedisClient(server.configuration, logger: log.logger)
            let limiter = try RateLimiter(redis, limit: 5, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            try server("CONFIG", "SET", "maxmemory", "1")
            for _ in 0..<20 { _ = try await limiter.check("a") }
            #expect(log.count(of: "failure policy decides") == 1)
            try server("CONFIG", "SET", "maxmemory", "0")
            _ = try await limiter.check("a")
            #expect(log.count(of: "verdicts from Redis again") == 1)
            await redis.close()
        }
    }

    @Test func `a cancelled caller gets no verdict of the policy`() async throws {
        try await withRedis { server, redis in
            let limiter = try RateLimiter(redis, limit: 5, per: .seconds(600), timeout: .seconds(60))
            _ = try await limiter.check("a")
            server.pause()
            let call = Task { try await limiter.check("a") }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            server.resume()
        }
    }
}
