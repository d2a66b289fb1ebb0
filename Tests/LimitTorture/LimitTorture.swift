import Coordination
import Foundation
import Logging
import RedisCore

/// One of several processes that use up one limit, for the tests: `limit-torture URL ALGORITHM LIMIT WINDOW_MS MS`.
///
/// Four tasks ask for MS milliseconds: one always asks Redis, one has the deny cache and never rests, two wait. Then it
/// prints how many calls were admitted and how many refused.
@main
struct LimitTorture {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 6, let limit = Int(arguments[3]), let window = Int(arguments[4]),
            let duration = Int(arguments[5]), let algorithm = Self.algorithm(arguments[2], limit)
        else { fatalError("usage: limit-torture URL log|buckets|tokens|fixed LIMIT WINDOW_MS MS") }
        var logger = Logger(label: "limit-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        let rule = try RateLimit(limit, per: .milliseconds(window), algorithm: algorithm)
        let cached = try RateLimiter(redis, rule, onFailure: .closed, timeout: .seconds(20))
        let plain = try RateLimiter(redis, rule, onFailure: .closed, denyCache: false, timeout: .seconds(20))
        let end = ContinuousClock.now + .milliseconds(duration)
        let counts = try await withThrowingTaskGroup(of: (Int, Int).self) { group in
            group.addTask { try await hammer(plain, until: end, rest: .milliseconds(2), redis) }
            group.addTask { try await hammer(cached, until: end, rest: nil, redis) }
            for _ in 0..<2 { group.addTask { try await wait(cached, until: end) } }
            var sum = (0, 0)
            while let counts = try await group.next() { sum = (sum.0 + counts.0, sum.1 + counts.1) }
            return sum
        }
        await redis.close()
        print(counts.0, counts.1)
    }

    private static func algorithm(_ name: String, _ limit: Int) -> RateLimit.Algorithm? {
        switch name {
        case "log": .slidingWindowLog
        case "buckets": .slidingWindowBuckets(count: 20)
        case "tokens": .tokenBucket(burst: limit)
        case "fixed": .fixedWindow
        default: nil
        }
    }

    private static func hammer(
        _ limiter: RateLimiter, until end: ContinuousClock.Instant, rest: Duration?, _ redis: RedisClient
    ) async throws -> (Int, Int) {
        var (admitted, refused) = (0, 0)
        while ContinuousClock.now < end {
            if try await limiter.check("fight").isAllowed { admitted += 1 } else { refused += 1 }
            // Refusals by the cache suspend nowhere: the other tasks need a turn.
            if let rest { try await redis.eventLoop.sleep(for: rest) } else { await Task.yield() }
        }
        return (admitted, refused)
    }

    private static func wait(_ limiter: RateLimiter, until end: ContinuousClock.Instant) async throws -> (Int, Int) {
        var (admitted, refused) = (0, 0)
        while ContinuousClock.now < end {
            let verdict = try await limiter.acquire("fight", wait: max(.zero, end - .now))
            if verdict.isAllowed { admitted += 1 } else { refused += 1 }
        }
        return (admitted, refused)
    }
}
