import Coordination
import Logging
import RedisCore

extension HandlerRunner {
    /// The limiter of a handler; its name is the handler's, which is the same in all workers of a fleet.
    static func limiter(
        _ configuration: HandlerConfiguration, _ redis: RedisClient
    ) throws(CoordinationError) -> RateLimiter? {
        guard let limit = configuration.rateLimit else { return nil }
        return try RateLimiter(redis, limit.rule, name: "handler/" + configuration.name)
    }

    /// Whether the event may run; waits for that if the configuration says so, without holding a slot.
    func isAdmitted(_ run: Run, _ logger: Logger) async throws -> Bool {
        guard let limiter, let limit = configuration.rateLimit else { return true }
        let key = try limit.key.map { try render($0, "rateLimit.key", run) } ?? "all"
        switch limit.excess {
        case .drop:
            let verdict = try await limiter.check(key)
            guard !verdict.isAllowed else { return true }
            logger.warning("event dropped by the rate limit", metadata: ["limit": "\(verdict.rule.name)"])
            return false
        case .wait:
            run.ticket.release()
            tools.inFlight.move(run.entry, to: .waitingForLimit)
            let verdict = try await limiter.acquire(key, wait: configuration.timeout)
            guard verdict.isAllowed else {
                throw HandlerFailure(
                    "the rate limit \(verdict.rule.name) would not admit it within "
                        + DurationText.text(configuration.timeout))
            }
            tools.inFlight.move(run.entry, to: .queued)
            try await run.ticket.acquire()
            return true
        }
    }
}
