import Coordination
import RedisCore

/// `limit.ALGORITHM.N`: one admitted check of a limiter; N tasks on keys of their own.
///
/// Windows are so short, or limits so high, that every call is admitted: the full cost, with what falls out of the
/// window being cut off. `….loop` is the same work without Swift's pool.
enum LimitCase {
    static var all: [BenchmarkCase] {
        Rule.allCases.flatMap { rule in [make(rule, 1), make(rule, 64), make(rule, 64, .loop)] }
    }

    enum Rule: String, CaseIterable {
        case log, buckets
        case tokens = "gcra"
        case fixed

        var limit: RateLimit {
            get throws {
                switch self {
                case .log: try RateLimit(500, per: .milliseconds(4))
                case .buckets: try RateLimit(1_000_000, per: .seconds(1), algorithm: .slidingWindowBuckets())
                case .tokens: try RateLimit(1_000_000, per: .seconds(1), algorithm: .tokenBucket(burst: 1_000_000))
                case .fixed: try RateLimit(1_000_000, per: .seconds(1), algorithm: .fixedWindow)
                }
            }
        }
    }

    private static func make(_ rule: Rule, _ tasks: Int, _ placement: Placement = .pool) -> BenchmarkCase {
        BenchmarkCase(
            name: "limit.\(rule.rawValue).\(tasks)" + (placement == .loop ? ".loop" : ""),
            summary: "limiter checks, \(tasks) callers on distinct keys, tasks "
                + (placement == .loop ? "on the loop" : "in the pool"),
            awaits: 1, bar: .init(throughput: 0.5, cpu: 1.5),
            floor: { environment in
                let limiter = try RateLimiter(environment.redis, rule.limit, denyCache: false)
                return try CommandFloor.make(
                    port: environment.port,
                    commands: try LimitCommands.capture(tasks, of: limiter, from: environment))
            },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let limiter = try RateLimiter(environment.redis, rule.limit, onFailure: .closed)
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
                    let key = "bench:\(run.number)"
                    while run.next() {
                        guard try await limiter.check(key).isAllowed else {
                            throw BenchmarkError("\(key) was refused; the limit is meant to be out of reach")
                        }
                    }
                }
            })
    }
}
