import TestSupport
import Testing

@testable import Coordination

/// Single decisions of the scripts, with the time in the test's hand.
@Suite struct LimitScriptTests {
    private static func all(_ limit: Int) throws -> [RateLimit] {
        try [.slidingWindowLog, .slidingWindowBuckets(), .tokenBucket(burst: limit), .fixedWindow].map {
            try RateLimit(limit, per: .seconds(60), algorithm: $0)
        }
    }

    // MARK: T5

    @Test func `nobody is shut out for longer than a window when the server's clock goes back`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in try Self.all(3) {
                var redis = VirtualServer(server)
                for id in 1...3 { #expect(try redis.call(rule, id: Int64(id))[0] == 1) }
                redis.now -= 3_600_000_000
                let refused = try redis.call(rule, id: 4)
                #expect(refused[0] < 0)
                #expect(-refused[0] <= 61_000_000, "\(rule.spec): \(refused)")
                // Being refused again and again does not move the end.
                redis.now += -refused[0] / 2
                let again = try redis.call(rule, id: 5)
                #expect(again[0] == refused[0] + -refused[0] / 2, "\(rule.spec)")
                redis.now += -again[0]
                #expect(try redis.call(rule, id: 6)[0] == 1, "\(rule.spec)")
            }
        }
    }

    @Test func `a clock that jumps forward neither breaks a record nor shuts anybody out`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in try Self.all(3) {
                var redis = VirtualServer(server)
                for id in 1...3 { #expect(try redis.call(rule, id: Int64(id))[0] == 1) }
                redis.now += 86_400_000_000 * 3_650
                for id in 4...6 { #expect(try redis.call(rule, id: Int64(id))[0] == 1, "\(rule.spec)") }
                #expect(try redis.call(rule, id: 7)[0] < 0)
                redis.now -= 86_400_000_000 * 3_650
                #expect(try redis.call(rule, id: 8)[0] >= -61_000_000, "\(rule.spec)")
            }
        }
    }

    @Test func `looking changes nothing, not even after the clock went back`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in try Self.all(3) {
                var redis = VirtualServer(server)
                let key = "limit:{k}:\(rule.spec)"
                #expect(try redis.call(rule, id: 0)[0] == 1)
                #expect(try server("EXISTS", key) == 0)
                _ = try redis.call(rule, id: 1, cost: 2)
                let before = try server("DUMP", key)
                redis.now -= 1_000_000
                #expect(try redis.call(rule, id: 0, cost: 1)[2] == 1)
                #expect(try redis.call(rule, id: 0, cost: 2)[0] < 0)
                #expect(try server("DUMP", key) == before)
            }
        }
    }

    // MARK: T4

    @Test func `a repeated call finds its number and is counted once`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for rule in try Self.all(10) {
                var redis = VirtualServer(server)
                #expect(try redis.call(rule, id: 7, cost: 4)[2] == 6)
                redis.now += 1_000_000
                #expect(try redis.call(rule, id: 8)[0] == 1)
                let repeated = try redis.call(rule, id: -7, cost: 4)
                #expect(repeated[0] == 4, "\(rule.spec): admitted as before")
                #expect(repeated[2] == 5, "\(rule.spec): not counted again")
                // Never executed: decided now, and counted.
                #expect(try redis.call(rule, id: -9, cost: 2)[2] == 3)
                // At most: the answer is what was taken then.
                #expect(try redis.call(rule, id: 10, cost: 9, atMost: true)[0] == 3)
                #expect(try redis.call(rule, id: -10, cost: 9, atMost: true)[0] == 3)
            }
        }
    }

    @Test func `how many other calls may come between a call and its repetition`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for (rule, promised) in zip(try Self.all(100), [90, 7, 2, 2]) {
                let redis = VirtualServer(server)
                _ = try redis.call(rule, id: 1_000)
                for id in 1...promised { _ = try redis.call(rule, id: Int64(id)) }
                #expect(try redis.call(rule, id: -1_000)[2] == Int64(99 - promised), "\(rule.spec): found")
            }
        }
    }

    // MARK: Several rules

    @Test func `all rules admit or none counts`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let log = try RateLimit(2, per: .seconds(60))
            let buckets = try RateLimit(5, per: .seconds(3_600), algorithm: .slidingWindowBuckets())
            let tokens = try RateLimit(100, per: .seconds(60), algorithm: .tokenBucket(burst: 50))
            let fixed = try RateLimit(4, per: .seconds(86_400), algorithm: .fixedWindow)
            let rules = [log, buckets, tokens, fixed].map { (key: "limit:{k}:\($0.spec)", rule: $0) }
            var redis = VirtualServer(server)
            #expect(try redis.call(rules, id: 1)[..<3] == [1, 1, 1])
            #expect(try redis.call(rules, id: 2)[0] == 1)
            let refused = try redis.call(rules, id: 3)
            #expect(refused[..<2] == [-60_000_000, 1], "the log refuses")
            #expect(refused[2] == 0 && refused[4] == 3 && refused[6] == 48 && refused[8] == 2, "\(refused)")
            redis.now += 60_000_000
            #expect(try redis.call(rules, id: 4, cost: 2)[0] == 2)
            let day = try redis.call(rules, id: 5, cost: 2)
            #expect(day[..<2] == [-86_340_000_000, 4], "the longest wait is the answer: \(day)")
            #expect(try redis.call(rules, id: -4, cost: 2)[0] == 2, "known, whatever is free now")
            #expect(try redis.call(rules, id: 6, cost: 9, atMost: true)[0] < 0)
        }
    }

    @Test func `the tightest rule decides how much is admitted at most`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let rules = try [5, 3].map { try RateLimit($0, per: .seconds(60)) }
                .map { (key: "limit:{k}:\($0.spec)", rule: $0) }
            let answer = try VirtualServer(server).call(rules, id: 1, cost: 9, atMost: true)
            #expect(answer[..<3] == [3, 2, 2])
            #expect(answer[4] == 0)
        }
    }

    @Test func `an empty, a full and a costly record of a log stay exact`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let rule = try RateLimit(500, per: .seconds(60))
            var redis = VirtualServer(server)
            #expect(try redis.call(rule, id: 1, cost: 499)[2] == 1)
            redis.now += 1
            #expect(try redis.call(rule, id: 2)[2] == 0)
            #expect(try redis.call(rule, id: 3)[0] == -59_999_999)
            #expect(try redis.call(rule, id: 3, cost: 500)[0] == -60_000_000)
            #expect(try server("LLEN", "limit:{k}:\(rule.spec)") == 7, "a call is three numbers, whatever it costs")
            redis.now += 59_999_999
            #expect(try redis.call(rule, id: 4, cost: 499)[2] == 0)
        }
    }
}
