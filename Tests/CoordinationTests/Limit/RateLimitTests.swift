import FoundationEssentials
import RedisCore
import Testing

@testable import Coordination

@Suite struct RateLimitTests {
    private func code(_ body: () throws -> Void) -> CoordinationError.Code? {
        do {
            try body()
            return nil
        } catch {
            return (error as? CoordinationError)?.code
        }
    }

    // MARK: Rules

    @Test func `automatic is exact for small limits and bounded for large ones`() throws {
        #expect(try RateLimit(500, per: .seconds(1)).algorithm == .slidingWindowLog)
        #expect(try RateLimit(501, per: .seconds(1)).algorithm == .slidingWindowBuckets(count: 60))
    }

    @Test func `the presets of requirement 003`() {
        #expect([RateLimit.api, .auth, .user].map(\.limit) == [100, 5, 60])
        #expect([RateLimit.api, .auth, .user].allSatisfy { $0.window == .seconds(60) })
    }

    @Test(arguments: [0, -1, 1_000_000_001, .min, .max])
    func `a limit out of range is refused`(limit: Int) {
        #expect(code { _ = try RateLimit(limit, per: .seconds(1)) } == .invalidArgument)
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .microseconds(999), .microseconds(1_500), .seconds(367 * 86_400)])
    func `a window out of range or with a part of a millisecond is refused`(window: Duration) {
        #expect(code { _ = try RateLimit(1, per: window) } == .invalidArgument)
    }

    @Test(arguments: [
        RateLimit.Algorithm.slidingWindowBuckets(count: 1), .slidingWindowBuckets(count: 1_001),
        .tokenBucket(burst: 0), .tokenBucket(burst: -1),
    ])
    func `parameters of an algorithm are checked`(algorithm: RateLimit.Algorithm) {
        #expect(code { _ = try RateLimit(10, per: .seconds(60), algorithm: algorithm) } == .invalidArgument)
    }

    @Test func `what cannot be counted exactly or cheaply is refused`() throws {
        #expect(code { _ = try RateLimit(10_001, per: .seconds(1), algorithm: .slidingWindowLog) } == .invalidArgument)
        let burst = RateLimit.Algorithm.tokenBucket(burst: 1_000_000)
        #expect(code { _ = try RateLimit(999_983, per: .seconds(86_400), algorithm: burst) } == .invalidArgument)
        #expect(try RateLimit(1_000_000, per: .seconds(86_400), algorithm: burst).rate.weight == 86_400)
    }

    @Test(arguments: [
        ("1m", 60_000), ("30s", 30_000), ("500ms", 500), ("1h", 3_600_000), ("1d", 86_400_000), ("007s", 7_000),
    ])
    func `windows as text`(text: String, milliseconds: Int) throws {
        #expect(try RateLimit(1, per: text).window == .milliseconds(milliseconds))
    }

    @Test(arguments: [
        "", "1", "m", "1 m", " 1m", "1m ", "-1m", "+1m", "1.5m", "1m30s", "1M", "1min", "١m", "0s", "1us",
    ])
    func `any other text is refused`(text: String) {
        #expect(code { _ = try RateLimit(1, per: text) } == .invalidArgument)
    }

    @Test(arguments: ["", "größe", "a\nb", String(repeating: "x", count: 65)])
    func `a name that a header cannot carry is refused`(name: String) {
        #expect(code { _ = try RateLimit(1, per: .seconds(1), name: name) } == .invalidArgument)
    }

    @Test(arguments: [
        RateLimit.Algorithm.slidingWindowLog, .slidingWindowBuckets(count: 9), .tokenBucket(burst: 4), .fixedWindow,
    ])
    func `what is announced reads back as the same rule`(algorithm: RateLimit.Algorithm) throws {
        for scope in [RateLimit.Scope.eachKey, .allKeys] {
            let rule = try RateLimit(7, per: .milliseconds(1_500), algorithm: algorithm, scope: scope)
            #expect(RateLimit(announced: rule.announced) == rule)
        }
    }

    @Test(arguments: [
        "", "log", "log-1", "log-1-", "log-1-2-3", "log-x-1", "all-all-log-1-1000", "log-0-1000", "-", "log--1-1",
    ])
    func `what others wrote is no rule`(text: String) { #expect(RateLimit(announced: text) == nil) }

    // MARK: Header fields

    private func verdict(
        _ outcome: RateLimitVerdict.Outcome, rule: RateLimit = .api, remaining: Int, reset: Duration,
        source: RateLimitVerdict.Source = .server
    ) -> RateLimitVerdict {
        RateLimitVerdict(outcome, rules: [rule], remaining: remaining, resetAfter: reset, source: source)
    }

    @Test func `header fields of an admitted call`() {
        let headers = verdict(.allowed, remaining: 99, reset: .milliseconds(59_001))
            .headers(now: Date(timeIntervalSince1970: 1_000))
        #expect(
            headers.fields.map(\.name) == [
                "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Policy", "RateLimit",
            ])
        #expect(headers.fields.map(\.value) == ["100", "99", "1060", "\"api\";q=100;w=60", "\"api\";r=99;t=60"])
    }

    @Test(arguments: [(1, "1"), (999, "1"), (1_000, "1"), (1_001, "2"), (59_999, "60")])
    func `Retry-After is rounded up and never zero`(milliseconds: Int, seconds: String) {
        let time = Duration.milliseconds(milliseconds)
        #expect(verdict(.denied(retryAfter: time), remaining: 0, reset: time).headers().retryAfter == seconds)
        let least = verdict(.denied(retryAfter: .nanoseconds(1)), remaining: 0, reset: .nanoseconds(1))
        #expect(least.headers().retryAfter == "1")
    }

    @Test func `what is never admitted has no time to retry, and a policy knows no counts`() {
        #expect(verdict(.neverAllowed, remaining: 0, reset: .zero).headers().retryAfter == nil)
        let open = verdict(.allowed, remaining: 100, reset: .zero, source: .failurePolicy).headers()
        #expect(open.fields.map(\.name) == ["RateLimit-Policy"])
    }

    @Test func `names are quoted and windows below a second left out`() throws {
        let rule = try RateLimit(5, per: .milliseconds(1_500), name: "a\"b\\c")
        let headers = verdict(.allowed, rule: rule, remaining: 1, reset: .milliseconds(1)).headers()
        #expect(headers.rateLimitPolicy == #""a\"b\\c";q=5"#)
        #expect(headers.rateLimit == #""a\"b\\c";r=1;t=1"#)
    }

    @Test func `several rules are several items`() throws {
        let rules = [RateLimit.api, .auth]
        let verdict = RateLimitVerdict(
            .allowed, admitted: 1, rules: rules, index: 1, remaining: 4, resetAfter: .seconds(60), source: .server,
            several: rules.map { .init(rule: $0, remaining: $0.limit - 1, resetAfter: .seconds(60)) })
        #expect(verdict.headers().rateLimit == #""api";r=99;t=60, "auth";r=4;t=60"#)
        #expect(verdict.headers().rateLimitPolicy == #""api";q=100;w=60, "auth";q=5;w=60"#)
        #expect(verdict.headers().limit == "5")
    }
}
