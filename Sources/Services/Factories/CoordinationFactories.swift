import Coordination
import RedisCore

extension ServiceFactory {
    /// `lock`: `Locks`.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `renewal` (`automatic` or `off`).
    public static let locks = ServiceFactory("lock") { settings in
        (
            redis: settings.redisWithPrefix(),
            renews: settings.choice("renewal", of: ["automatic", "off"], default: "automatic") == "automatic"
        )
    } make: { settings, clients in
        Locks(clients.client(settings.redis), renewal: settings.renews ? .automatic(maxHold: nil) : .off)
    }

    /// `task_coordinator`: a `TaskCoordinator`.
    ///
    /// Beside the connection: `prefix` (`signalbox`).
    public static let taskCoordinator = ServiceFactory("task_coordinator") { settings in
        settings.redisWithPrefix()
    } make: { configuration, clients in
        TaskCoordinator(clients.client(configuration))
    }

    /// `rate_limiter`: a `RateLimiter` with one rule.
    ///
    /// `limit` and `window` are needed. Beside them and the connection: `prefix` (`signalbox`), `name` (none),
    /// `algorithm` (`automatic`, or `sliding_window_log`, `sliding_window_buckets`, `token_bucket`, `fixed_window`),
    /// `burst` (of a token bucket, needed there), `on_failure` (`open` or `closed`), `timeout` (1 s).
    public static let rateLimiter = ServiceFactory("rate_limiter") { settings in
        LimiterSettings(&settings)
    } make: { settings, clients in
        guard let rule = settings.rule else {
            throw ServiceError(.configuration, message: "the rule of the limiter cannot be used")
        }
        return try RateLimiter(
            clients.client(settings.redis), rule, name: settings.name, onFailure: settings.failure,
            timeout: settings.timeout)
    }
}

private struct LimiterSettings: Sendable {
    let redis: RedisConfiguration
    /// nil only after a mistake that was reported.
    let rule: RateLimit?
    let name: String
    let failure: RateLimiter.FailurePolicy
    let timeout: Duration

    private static let algorithms = [
        "automatic", "sliding_window_log", "sliding_window_buckets", "token_bucket", "fixed_window",
    ]

    init(_ settings: inout ServiceSettings) {
        redis = settings.redisWithPrefix()
        name = settings.text("name", default: "")
        failure = settings.choice("on_failure", of: ["open", "closed"], default: "open") == "open" ? .open : .closed
        timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: .seconds(1))
        let limit = settings.requiredInteger("limit", in: 1...1_000_000_000)
        let window = settings.requiredDuration("window", in: .milliseconds(1) ... .seconds(366 * 86_400))
        let algorithm = Self.algorithm(&settings)
        do {
            rule = try RateLimit(limit, per: window, algorithm: algorithm)
        } catch {
            settings.report("limit", "cannot work: \(error.message)")
            rule = nil
        }
    }

    private static func algorithm(_ settings: inout ServiceSettings) -> RateLimit.Algorithm {
        let name = settings.choice("algorithm", of: algorithms, default: "automatic")
        let burst = settings.integer("burst", in: 1...1_000_000_000)
        if burst != nil, name != "token_bucket" {
            settings.report("burst", "has a meaning only with 'algorithm: token_bucket'")
        }
        switch name {
        case "sliding_window_log": return .slidingWindowLog
        case "sliding_window_buckets": return .slidingWindowBuckets()
        case "fixed_window": return .fixedWindow
        case "token_bucket":
            if !settings.has("burst") { settings.report("burst", "is missing: a token bucket needs its size") }
            return .tokenBucket(burst: burst ?? 1)
        default: return .automatic
        }
    }
}
