// Limits calls by key, waits for a turn, and makes a function that cannot be called too often.
//
//     swift run RateLimiting
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Coordination
import EmbeddedRedis
import Foundation
import RedisCore

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let run = UUID().uuidString  // So that a second run within the window starts afresh.

    // Ten an hour and three every ten minutes: admitted by both, or counted by none.
    let rules = [
        try RateLimit(3, per: "10m", name: "burst"), try RateLimit(10, per: "1h", name: "hourly"),
    ]
    let limiter = try RateLimiter(redis, rules, name: "example", onFailure: .closed)
    for call in 1...4 {
        let verdict = try await limiter.check("user:7:\(run)")
        let left = verdict.statuses.map { "\($0.rule.name) \($0.remaining)" }.joined(separator: ", ")
        print("call \(call): \(verdict.isAllowed ? "admitted" : "refused by \(verdict.rule.name)"); left: \(left)")
    }

    // What a web server would send with a 429. Times depend on the clock, so only the names are printed here.
    let refused = try await limiter.check("user:7:\(run)")
    print("answered without a round trip: \(refused.source == .denyCache)")
    print(refused.headers().fields.map(\.name).joined(separator: ", "))
    print("RateLimit-Policy: \(refused.headers().rateLimitPolicy)")

    // What is left can be looked at without taking any, and an administrator can give it back.
    let before = try await limiter.peek("user:7:\(run)").remaining
    print("forgotten: \(try await limiter.reset("user:7:\(run)"))")
    print("left before: \(before), after: \(try await limiter.peek("user:7:\(run)").remaining)")

    // Waits for its turn instead of being refused.
    let turns = try RateLimiter(redis, try RateLimit(50, per: "1s", algorithm: .tokenBucket(burst: 1)))
    let begun = ContinuousClock.now
    for _ in 0..<6 { _ = try await turns.acquire("report:\(run)", wait: .seconds(10)) }
    print("six at fifty a second took at least 100 ms: \(ContinuousClock.now - begun >= .milliseconds(99))")

    // A function that throws when it is called too often.
    struct Mailer {
        @RateLimited var send: @Sendable (String) async throws -> String

        init(_ redis: RedisClient, run: String) {
            _send = RateLimited(
                wrappedValue: { address in "sent to \(address)" }, redis, key: { "mail:\($0):\(run)" }, limit: 1,
                window: "1m")
        }
    }
    let mailer = Mailer(redis, run: run)
    print(try await mailer.send("ada@example.org"))
    do {
        print(try await mailer.send("ada@example.org"))
    } catch let error as CoordinationError where error.code == .rateLimited {
        print("not sent; try again later: \(error.verdict?.retryAfter ?? .zero > .zero)")
    }
}
await server?.stop()
