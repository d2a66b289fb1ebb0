import RedisCore

extension RateLimiter {
    /// Waits until the call is admitted; a free limiter costs one round trip.
    ///
    /// Waiting is not polling: a refusal says when to ask again. Callers of one key in this process are served in order
    /// of arrival, so a costly call is not overtaken by cheap ones that also wait; between processes nobody promises an
    /// order, and ``check(_:cost:)`` does not queue. The timer is the client's event loop.
    ///
    /// - Parameters:
    ///   - key: Who or what is limited: 1 to 1,024 bytes.
    ///   - cost: Units that the call takes, 1 or more.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Returns: the verdict that admitted the call, or the last refusal: as soon as it is certain that the wait ends
    ///   too early, or that the cost is never admitted.
    /// - Throws: `invalidArgument`; `CancellationError`, after which the call may be counted.
    public func acquire(_ key: String, cost: Int = 1, wait: Duration? = nil) async throws -> RateLimitVerdict {
        if let wait, wait < .zero {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "the wait is \(wait); it must not be negative")
        }
        let deadline = wait.map { ContinuousClock.now + $0 }
        let loop = request.redis.eventLoop
        if wait == .zero { return try await check(key, cost: cost) }
        if let wait, let hopeless = refusal(key, cost, beyond: wait) { return hopeless }
        let verdict = try await lines.inTurn(key, until: deadline, on: loop) { () async throws -> RateLimitVerdict in
            while true {
                let verdict = try await check(key, cost: cost)
                guard let pause = verdict.retryAfter else { return verdict }
                if let deadline, .now + pause > deadline { return verdict }
                try await loop.sleep(for: pause)
            }
        }
        // The line did not move in time: its head was refused, and so would this call have been behind it.
        if let verdict { return verdict }
        return try await standing(key, cost)
    }

    /// A refusal that is known to hold for longer than the call would wait.
    private func refusal(_ key: String, _ cost: Int, beyond wait: Duration) -> RateLimitVerdict? {
        let now = Moment.nanoseconds
        guard let denial = denied?.denial(of: key, cost: cost, now: now), .nanoseconds(denial.until - now) > wait else {
            return nil
        }
        return refusal(denial, now)
    }

    /// A refusal for a call whose wait ended in the line.
    private func standing(_ key: String, _ cost: Int) async throws -> RateLimitVerdict {
        let now: RateLimitVerdict
        do {
            now = try await peek(key, cost: cost)
        } catch let error as CoordinationError where error.code == .unavailable {
            return decidedByPolicy(key, .exactly(cost), Moment.nanoseconds)
        }
        return now.refused(for: max(now.retryAfter ?? .zero, .milliseconds(1)))
    }
}
