import Logging
import Metrics
import RedisCore
import Synchronization

/// Without a verdict from Redis the policy decides.
extension RateLimiter {
    /// A call got no verdict: notes that and lets the policy decide.
    ///
    /// Throws what is the caller's own doing.
    func failed(_ key: String, _ wish: LimitRequest.Wish, _ error: RedisError) throws -> RateLimitVerdict {
        if error.code == .cancelled { throw CancellationError() }
        let now = Moment.nanoseconds
        metrics.limitFailures.increment()
        let note = gate.withLock { gate in
            let note = gate.failed(now, pause: error.isSilence ? pause : 0)
            quietUntil.store(max(gate.quietUntil, Self.answered), ordering: .relaxed)
            return note
        }
        if case .failing(let count) = note {
            request.redis.logger.warning(
                "a limiter has no verdict from Redis; its failure policy decides",
                metadata: ["limiter": "\(name)", "policy": "\(policy)", "calls": "\(count)", "error": "\(error)"])
        }
        return decidedByPolicy(key, wish, now)
    }

    /// Whether the policy decides without a question, because nobody answered the last one.
    ///
    /// When the pause is over one call asks again; the others go on with the policy until that has its answer.
    func isQuiet(_ now: Int64) -> Bool {
        let until = quietUntil.load(ordering: .relaxed)
        guard until > Self.answered else { return false }
        return now < until
            || !quietUntil.compareExchange(expected: until, desired: now + pause, ordering: .relaxed).exchanged
    }

    func recovered() {
        let note = gate.withLock { gate in
            quietUntil.store(.min, ordering: .relaxed)
            return gate.succeeded()
        }
        guard case .recovered(let count) = note else { return }
        request.redis.logger.notice(
            "a limiter has verdicts from Redis again", metadata: ["limiter": "\(name)", "calls since": "\(count)"])
    }

    func decidedByPolicy(_ key: String, _ wish: LimitRequest.Wish, _ now: Int64) -> RateLimitVerdict {
        switch policy {
        case .open:
            return RateLimitVerdict(
                .allowed, admitted: wish.units, rules: rules, remaining: rules[0].capacity, resetAfter: .zero,
                source: .failurePolicy)
        case .closed:
            return RateLimitVerdict(
                .denied(retryAfter: .nanoseconds(pause)), rules: rules, remaining: 0, resetAfter: .nanoseconds(pause),
                source: .failurePolicy)
        case .local:
            let isAtMost = if case .atMost = wish { true } else { false }
            return local?.withLock { $0.check(key, cost: wish.units, atMost: isAtMost, now: now) }
                ?? RateLimitVerdict(
                    .neverAllowed, rules: rules, remaining: 0, resetAfter: .zero, source: .failurePolicy)
        }
    }
}

extension RedisError {
    /// Nobody answered, so the next call would only wait too.
    fileprivate var isSilence: Bool {
        switch code {
        case .timedOut, .connectFailed, .connectionLost, .notConnected, .queueFull: true
        default: false
        }
    }
}
