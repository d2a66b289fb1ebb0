import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T6: the scripts against models, over random calls, times and jumps of the clock; a seed that fails can be repeated.
@Suite struct LimitModelTests {
    private static let kinds: [RateLimit.Algorithm] = [
        .slidingWindowLog, .slidingWindowBuckets(count: 7), .slidingWindowBuckets(count: 60), .tokenBucket(burst: 1),
        .tokenBucket(burst: 5), .fixedWindow,
    ]

    private func rule(_ algorithm: RateLimit.Algorithm, _ random: inout SplitMix) throws -> RateLimit {
        try RateLimit(
            .random(in: 1...20, using: &random), per: .milliseconds(Int.random(in: 60_000...600_000, using: &random)),
            algorithm: algorithm)
    }

    /// How far the clock goes between two calls: mostly less than a unit takes to come back.
    private func step(_ rule: RateLimit, _ random: inout SplitMix) -> Int64 {
        let window = rule.windowMilliseconds * 1_000
        return switch Int.random(in: 0..<10, using: &random) {
        case 0: 0
        case 1: 1
        case 2: .random(in: 0...window, using: &random)
        case 3: window
        case 4: .random(in: 0...3 * window, using: &random)
        default: .random(in: 0...window / Int64(rule.limit), using: &random)
        }
    }

    @Test(arguments: kinds, [UInt64(1), 2, 3])
    func `a limiter decides as its model does, also when the clock jumps`(
        algorithm: RateLimit.Algorithm, seed: UInt64
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            var random = SplitMix(seed: seed)
            for round in 0..<4 {
                let rule = try rule(algorithm, &random)
                var model = rule.model
                var redis = VirtualServer(server)
                try server("FLUSHALL")
                for call in 0..<250 {
                    let jump = round > 1 ? Int.random(in: 0..<40, using: &random) : -1
                    switch jump {
                    case 0: redis.now -= 3_600_000_000
                    case 1: redis.now += 3_600_000_000
                    case 2: redis.now -= step(rule, &random)
                    default: redis.now += step(rule, &random)
                    }
                    let cost = Int.random(in: 1...min(3, rule.capacity), using: &random)
                    let atMost = Int.random(in: 0..<5, using: &random) == 0
                    let expected = model.check(cost, atMost: atMost, now: redis.now)
                    let answer = try redis.call(rule, id: Int64(call + 1), cost: cost, atMost: atMost)
                    guard answer == expected else {
                        return fail("\(rule.spec), round \(round), call \(call): \(answer), expected \(expected)")
                    }
                }
            }
        }
    }

    @Test(arguments: kinds)
    func `no window admits more than promised, and who waits as told is admitted`(
        algorithm: RateLimit.Algorithm
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            var random = SplitMix(seed: 4)
            for _ in 0..<4 {
                let rule = try rule(algorithm, &random)
                let window = rule.windowMilliseconds * 1_000
                var redis = VirtualServer(server)
                try server("FLUSHALL")
                var admitted: [Int64] = []
                var id: Int64 = 0
                func ask(_ cost: Int) throws -> Int64 {
                    id += 1
                    let decision = try redis.call(rule, id: id, cost: cost)[0]
                    if decision > 0 { admitted += Array(repeating: redis.now, count: cost) }
                    return decision
                }
                for _ in 0..<200 {
                    redis.now += step(rule, &random)
                    let cost = Int.random(in: 1...min(2, rule.capacity), using: &random)
                    let decision = try ask(cost)
                    guard decision <= 0 else { continue }
                    // A hammering client loses nothing by asking, and is right on time.
                    redis.now += -decision - 1
                    #expect(try ask(cost) == -1, "a microsecond too early")
                    redis.now += 1
                    #expect(try ask(cost) == Int64(cost), "\(rule.spec): waited as told")
                }
                for (index, time) in admitted.enumerated() {
                    let inWindow = admitted[index...].prefix { $0 < time + window }.count
                    #expect(inWindow <= rule.worstCase, "\(rule.spec)")
                }
            }
        }
    }

    /// T6: whatever is asked, a record stays as small as its rule allows.
    @Test func `memory is bounded and freed`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let rules: [(RateLimit, Int)] = [
                (try RateLimit(100, per: .seconds(60)), 3_000),
                (try RateLimit(100, per: .seconds(60), algorithm: .slidingWindowBuckets()), 700),
                (try RateLimit(100, per: .seconds(60), algorithm: .tokenBucket(burst: 100)), 160),
                (try RateLimit(100, per: .seconds(60), algorithm: .fixedWindow), 160),
            ]
            for (rule, bytes) in rules {
                var redis = VirtualServer(server)
                for call in 0..<3_000 {
                    redis.now += 31_000
                    _ = try redis.call(rule, id: 2_000_000_000 + Int64(call))
                }
                let key = "limit:{k}:\(rule.spec)"
                let used = try server("MEMORY", "USAGE", key, "SAMPLES", "0").int ?? .max
                #expect(used <= bytes, "\(rule.spec): \(used)")
                let life = (try server("PTTL", key).int ?? -1) - VirtualServer.spare
                #expect((1...62_100).contains(life), "\(rule.spec): \(life)")
            }
        }
    }
}
