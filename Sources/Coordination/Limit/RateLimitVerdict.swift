/// What a limiter says to one call.
public struct RateLimitVerdict: Sendable, Hashable {
    /// Yes, not now, or never.
    public enum Outcome: Sendable, Hashable {
        /// Admitted and counted.
        case allowed
        /// Refused and not counted; after `retryAfter` the same call is admitted, unless others come before it.
        case denied(retryAfter: Duration)
        /// The cost is above what the rule ever admits at once; nothing was asked or counted.
        case neverAllowed
    }

    /// Who decided.
    public enum Source: Sendable, Hashable {
        /// Redis.
        case server
        /// This process, which had heard from Redis that nothing can be admitted yet.
        case denyCache
        /// The limiter's failure policy, because Redis gave no verdict.
        case failurePolicy
    }

    /// How one rule stands.
    public struct Status: Sendable, Hashable {
        /// The rule.
        public let rule: RateLimit
        /// Units that are free now.
        public let remaining: Int
        /// How long no more than ``remaining`` can be used: then the first unit comes back.
        ///
        /// Zero when all are free.
        public let resetAfter: Duration
    }

    /// Yes, not now, or never.
    public let outcome: Outcome
    /// Units that were admitted: the cost, less for ``RateLimiter/checkAtMost(_:cost:)``, 0 when refused.
    public let admitted: Int
    /// The limiter's rules, shared by all its verdicts, and which of them decided.
    private let rules: [RateLimit]
    private let index: Int
    /// Units of ``rule`` that are free now.
    public let remaining: Int
    /// How long no more than ``remaining`` can be used: then the first unit comes back.
    ///
    /// Zero when all are free.
    public let resetAfter: Duration
    /// Who decided.
    public let source: Source
    /// With several rules, how each stands.
    let several: [Status]

    /// True when the call may go on.
    public var isAllowed: Bool { outcome == .allowed }
    /// The rule that refused; otherwise the one with the fewest units left.
    public var rule: RateLimit { rules[index] }
    /// The limit of ``rule``.
    public var limit: Int { rule.limit }
    /// When to come back; nil when the call was admitted or never will be.
    public var retryAfter: Duration? { if case .denied(let time) = outcome { time } else { nil } }
    /// How each rule of the limiter stands, in its order.
    public var statuses: [Status] {
        several.isEmpty ? [Status(rule: rule, remaining: remaining, resetAfter: resetAfter)] : several
    }

    init(
        _ outcome: Outcome, admitted: Int = 0, rules: [RateLimit], index: Int = 0, remaining: Int,
        resetAfter: Duration, source: Source, several: [Status] = []
    ) {
        self.outcome = outcome
        self.admitted = admitted
        self.rules = rules
        self.index = index
        self.remaining = remaining
        self.resetAfter = resetAfter
        self.source = source
        self.several = several
    }
}

extension RateLimitVerdict {
    /// The same counts, for a call that was not admitted.
    func refused(for time: Duration) -> RateLimitVerdict {
        RateLimitVerdict(
            .denied(retryAfter: time), rules: rules, index: index, remaining: remaining, resetAfter: resetAfter,
            source: source, several: several)
    }
}

// MARK: - As an error

/// Carries a verdict inside a ``CoordinationError``.
struct RefusedVerdict: Error {
    let verdict: RateLimitVerdict
}

extension CoordinationError {
    /// What the limiter said, when the code is `rateLimited`.
    public var verdict: RateLimitVerdict? { (underlying as? RefusedVerdict)?.verdict }

    static func rateLimited(_ verdict: RateLimitVerdict, operation: String) -> CoordinationError {
        let when =
            switch verdict.outcome {
            case .denied(let time): "try again in \(time)"
            case .neverAllowed: "it costs more than is ever admitted at once"
            case .allowed: "it was admitted"
            }
        return CoordinationError(
            .rateLimited, operation: operation,
            message: "the limit \(verdict.rule.name) is used up; \(when)", underlying: RefusedVerdict(verdict: verdict))
    }
}
