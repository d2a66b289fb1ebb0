import Coordination
import Foundation
import RedisCore

/// What limiters cost beside round trips, and what they admit at worst.
enum LimitFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "limit.denied", summary: "refusals known to this process, a second of CPU time",
                measure: denied),
            Figure(
                name: "limit.memory",
                summary: "bytes of a record on the server, by MEMORY USAGE, with a key of 41 bytes",
                measure: memory),
            Figure(
                name: "limit.worst", summary: "the most admitted in any minute at a limit of 100 a minute",
                measure: worst),
        ]
    }

    // MARK: Refusals

    private static let refusals = 5_000_000

    private static func denied(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        let keys = (0..<1_000).map { "bench:user:\($0)" }
        let limiter = try RateLimiter(redis, limit: 1, per: .seconds(3_600))
        return try blocking {
            for _ in 0..<2 { _ = try await limiter.check(keys: keys) }
            let begin = Reading(operations: 0)
            var index = 0
            for _ in 0..<refusals {
                guard try await limiter.check(keys[index]).source == .denyCache else {
                    throw BenchmarkError("the deny cache does not know a refusal")
                }
                index = index == keys.count - 1 ? 0 : index + 1
            }
            let end = Reading(operations: refusals)
            return [
                ("per_core_s", Double(refusals) / (end.cpu - begin.cpu)),
                ("ns", (end.cpu - begin.cpu) * 1e9 / Double(refusals)),
            ]
        }
    }

    // MARK: Memory

    private static func memory(_ environment: Environment) throws -> [(String, Double?)]? {
        let minute = Duration.seconds(60)
        let rules: [(String, RateLimit)] = [
            ("log_10", try RateLimit(10, per: minute)), ("log_100", try RateLimit(100, per: minute)),
            ("log_500", try RateLimit(500, per: minute)),
            ("log_10000", try RateLimit(10_000, per: minute, algorithm: .slidingWindowLog)),
            ("buckets_60", try RateLimit(6_000, per: .milliseconds(3_000), algorithm: .slidingWindowBuckets())),
            ("gcra", try RateLimit(1_000, per: minute, algorithm: .tokenBucket(burst: 100))),
            ("fixed", try RateLimit(1_000, per: minute, algorithm: .fixedWindow)),
        ]
        let redis = environment.redis
        return try rules.map { name, rule in
            let limiter = try RateLimiter(redis, rule, onFailure: .closed)
            let key = String((name + "-12345678901234567890").prefix(16))
            try blocking {
                // Buckets: until each of them has something in it.
                let isSpread = name == "buckets_60"
                let end = ContinuousClock.now + (isSpread ? rule.window : .zero)
                var calls = 0
                while isSpread ? ContinuousClock.now < end : calls < min(rule.limit, 10_000) {
                    let verdict = try await limiter.check(key)
                    guard verdict.isAllowed || isSpread || name == "gcra" else {
                        throw BenchmarkError("\(key) was refused")
                    }
                    if isSpread { try await Task.sleep(for: .milliseconds(20)) }
                    calls += 1
                }
            }
            return (name, Double(try size(of: key, environment)))
        }
    }

    private static func size(of key: String, _ environment: Environment) throws -> Int {
        let session = try RawSession(port: environment.port)
        guard case .array(let found) = try session.command("KEYS", "*limit:{\(key)}*"), let name = found.first?.text,
            found.count == 1, let size = try session.command("MEMORY", "USAGE", name, "SAMPLES", "0").integer
        else { throw BenchmarkError("the record of \(key) was not found") }
        return size
    }
}
