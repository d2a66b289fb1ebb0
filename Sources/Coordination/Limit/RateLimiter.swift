import Logging
import Metrics
public import RedisCore
import Synchronization

/// Limits how often something is done, for the whole fleet: one atomic script on the server's clock for each decision.
///
/// ```swift
/// let limiter = try RateLimiter(redis, limit: 100, per: .seconds(60))
/// let verdict = try await limiter.check("user:7")
/// guard verdict.isAllowed else { return tooManyRequests(verdict.headers().fields) }
/// ```
///
/// With several rules a call is admitted by all of them or counted by none. Only admitted calls are counted, so a
/// client that hammers is served again as soon as the window allows. After a refusal this process answers the same key
/// itself until time can have changed that.
///
/// A check never throws because of Redis: without a verdict the failure policy decides. **When a reply is lost** the
/// question is repeated under the same number and counted once, within the bounds told in `docs/guarantees.md`.
///
/// Keep a limiter: it is where refusals are remembered. Limiters with the same name count together when their rules are
/// the same; when they are not, both count for themselves, and a warning is logged and counted.
public final class RateLimiter: Sendable {
    /// Who decides when Redis does not.
    public enum FailurePolicy: Sendable, Hashable {
        /// Everything is admitted.
        case open
        /// Nothing is admitted.
        case closed
        /// This process alone counts, by a limit of its own for each key.
        case local(limit: Int, per: Duration)
    }

    /// What is limited; part of the keys.
    ///
    /// Empty unless given.
    public let name: String
    /// All of them must admit a call.
    public let rules: [RateLimit]

    let request: LimitRequest
    let denied: DenyCache?
    let pause: Int64
    let lines = LimitLines()
    let policy: FailurePolicy
    let local: Mutex<LocalWindows>?
    let gate = Mutex(FailureGate())
    /// The gate's `quietUntil`, to be read without its lock; `Int64.min` while all is well.
    let quietUntil = Atomic<Int64>(.min)
    /// Failing, but with answers: there is no reason not to ask.
    static let answered = Int64.min + 1
    private let announcer: LimitAnnouncer?
    private let smallestCapacity: Int
    var metrics: CoordinationMetrics { .shared }

    /// A limiter with several rules, checked all or nothing in one round trip; nothing is sent yet.
    ///
    /// - Parameters:
    ///   - redis: The client to use.
    ///   - rules: 1 to 8; a key may use what the tightest of them leaves. Their keys share a cluster slot: that of the
    ///     key, or one for the whole limiter when a rule's scope is `.allKeys`.
    ///   - name: Keeps the counts of different limiters apart; needed for a rule for all keys. At most 1,024 bytes.
    ///   - onFailure: Who decides when Redis gives no verdict; such verdicts are counted, and logged every 30 s.
    ///   - denyCache: Whether refusals are answered here until time can have changed them.
    ///   - timeout: 1 ms to 1 min; how long a verdict may take. After a question that took so long, or found no
    ///     connection, the policy decides at once for the same time; then one call asks again.
    /// - Throws: `invalidArgument`.
    public init(
        _ redis: RedisClient, _ rules: [RateLimit], name: String = "", onFailure: FailurePolicy = .open,
        denyCache: Bool = true, timeout: Duration = .seconds(1)
    ) throws(CoordinationError) {
        try Self.check(rules, timeout)
        let keys = try LimitKeys(redis.configuration, name: name, rules: rules)
        self.name = name
        self.rules = rules
        request = LimitRequest(redis, keys, rules, timeout: timeout)
        denied = denyCache ? DenyCaches.of(redis, keys) : nil
        pause = timeout.nanoseconds
        policy = onFailure
        if case .local(let limit, let window) = onFailure {
            local = Mutex(LocalWindows(try RateLimit(limit, per: window, name: "local")))
        } else {
            local = nil
        }
        announcer = keys.announcement.map { LimitAnnouncer(redis, key: $0, name: name, rules: rules) }
        smallestCapacity = rules.map(\.capacity).min() ?? 0
    }

    /// A limiter with one rule.
    public convenience init(
        _ redis: RedisClient, _ rule: RateLimit, name: String = "", onFailure: FailurePolicy = .open,
        denyCache: Bool = true, timeout: Duration = .seconds(1)
    ) throws(CoordinationError) {
        try self.init(redis, [rule], name: name, onFailure: onFailure, denyCache: denyCache, timeout: timeout)
    }

    /// A limiter of so many calls in so much time.
    public convenience init(
        _ redis: RedisClient, limit: Int, per window: Duration, name: String = "", onFailure: FailurePolicy = .open,
        denyCache: Bool = true, timeout: Duration = .seconds(1)
    ) throws(CoordinationError) {
        let rule = try RateLimit(limit, per: window)
        try self.init(redis, [rule], name: name, onFailure: onFailure, denyCache: denyCache, timeout: timeout)
    }

    /// Decides one call and counts it if it is admitted; one round trip, none for a refusal that is known to hold.
    ///
    /// - Parameters:
    ///   - key: Who or what is limited: 1 to 1,024 bytes.
    ///   - cost: Units that the call takes, 1 or more; above ``RateLimit/capacity`` it is `neverAllowed`.
    /// - Throws: `invalidArgument`; `CancellationError`, after which the call may be counted.
    public func check(_ key: String, cost: Int = 1) async throws -> RateLimitVerdict {
        try await verdict(key, .exactly(cost))
    }

    /// Admits as much of `cost` as there is, at least 1; ``RateLimitVerdict/admitted`` says how much.
    ///
    /// Otherwise like ``check(_:cost:)``.
    public func checkAtMost(_ key: String, cost: Int) async throws -> RateLimitVerdict {
        try await verdict(key, .atMost(cost))
    }

    func verdict(_ key: String, _ wish: LimitRequest.Wish) async throws -> RateLimitVerdict {
        let now = Moment.nanoseconds
        if let known = try known(key, wish, now) { return known }
        let epoch = denied?.epoch ?? 0
        do {
            let answer = try await request.decide(LimitKeys.escaped(key), wish, begun: now)
            return take(answer, key, wish, now, epoch)
        } catch let error as RedisError {
            return try failed(key, wish, error)
        }
    }

    /// What can be said without a question; nil when it has to be asked.
    ///
    /// Refuses what cannot be asked.
    func known(_ key: String, _ wish: LimitRequest.Wish, _ now: Int64) throws(CoordinationError) -> RateLimitVerdict? {
        if let never = try neverAllowed(wish) { return never }
        if let denial = denied?.denial(of: key, cost: wish.least, now: now) {
            metrics.limitDeniedLocally.increment()
            return refusal(denial, now)
        }
        guard isQuiet(now) else { return nil }
        // The policy is for calls that could have been asked.
        _ = try LimitKeys.escaped(key)
        return decidedByPolicy(key, wish, now)
    }

    /// Turns the server's answer into a verdict, and keeps a refusal.
    func take(
        _ answer: LimitRequest.Answer, _ key: String, _ wish: LimitRequest.Wish, _ begun: Int64, _ epoch: Int
    ) -> RateLimitVerdict {
        if quietUntil.load(ordering: .relaxed) != .min { recovered() }
        announcer?.announceIfDue(begun)
        let verdict = self.verdict(answer)
        if verdict.isAllowed {
            metrics.limitAllowed.increment()
        } else {
            metrics.limitDenied.increment()
            // From before the question was sent, so that it is over here no later than there.
            denied?.insert(
                .init(
                    until: begun - answer.decision * 1_000, cost: wish.least, rule: answer.rule,
                    remaining: answer.remaining, resetAt: begun + answer.resetAfter.nanoseconds,
                    several: answer.several, askedAt: begun),
                of: key, epoch: epoch, now: Moment.nanoseconds)
        }
        return verdict
    }

    func verdict(_ answer: LimitRequest.Answer) -> RateLimitVerdict {
        RateLimitVerdict(
            answer.decision > 0 ? .allowed : .denied(retryAfter: .microseconds(-answer.decision)),
            admitted: Int(max(0, answer.decision)), rules: rules, index: min(answer.rule, rules.count - 1),
            remaining: answer.remaining, resetAfter: answer.resetAfter, source: .server,
            several: answer.several.isEmpty ? [] : statuses(answer.several))
    }

    /// Units left and µs until some come back, in turn, as they were so many nanoseconds ago.
    private func statuses(_ numbers: [Int64], after time: Int64 = 0) -> [RateLimitVerdict.Status] {
        zip(rules.indices, rules).map { index, rule in
            let reset = max(0, numbers[2 * index + 1] * 1_000 - time)
            return .init(rule: rule, remaining: Int(numbers[2 * index]), resetAfter: .nanoseconds(reset))
        }
    }

    func refusal(_ denial: DenyCache.Denial, _ now: Int64) -> RateLimitVerdict {
        RateLimitVerdict(
            .denied(retryAfter: .nanoseconds(denial.until - now)), rules: rules, index: denial.rule,
            remaining: denial.remaining, resetAfter: .nanoseconds(max(0, denial.resetAt - now)), source: .denyCache,
            several: denial.several.isEmpty ? [] : statuses(denial.several, after: now - denial.askedAt))
    }

    /// The verdict on a call that costs more than is ever admitted at once; refuses costs that are none.
    @inline(__always)
    func neverAllowed(_ wish: LimitRequest.Wish) throws(CoordinationError) -> RateLimitVerdict? {
        guard wish.units > 0 else {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "the cost is \(wish.units); it must be 1 or more")
        }
        guard case .exactly(let cost) = wish, cost > smallestCapacity else { return nil }
        let index = rules.indices.first { rules[$0].capacity == smallestCapacity } ?? 0
        return RateLimitVerdict(
            .neverAllowed, rules: rules, index: index, remaining: 0, resetAfter: .zero, source: .server)
    }

    private static func check(_ rules: [RateLimit], _ timeout: Duration) throws(CoordinationError) {
        guard (1...8).contains(rules.count), Set(rules.map(\.announced)).count == rules.count else {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "a limiter has 1 to 8 rules, no two of them the same")
        }
        guard timeout >= .milliseconds(1), timeout <= .seconds(60) else {
            throw CoordinationError(
                .invalidArgument, operation: "limit",
                message: "the timeout is \(timeout); it must be between 1 ms and 1 min")
        }
    }
}
