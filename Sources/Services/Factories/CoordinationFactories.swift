import Coordination
import RedisCore

extension ServiceFactory {
    /// `lock`: `Locks`.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `plain_prefix` (none), `renewal` (`automatic` or `off`),
    /// `max_hold` (`none`), `replicas` (none).
    public static let locks = ServiceFactory("lock") { settings in
        LockSettings(&settings)
    } make: { settings, clients in
        Locks(
            clients.client(settings.redis), keys: settings.keys, renewal: settings.renewal, replicas: settings.replicas)
    }

    /// `task_coordinator`: a `TaskCoordinator`.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `owner` (host and process), `longest_result` (1 MiB).
    public static let taskCoordinator = ServiceFactory("task_coordinator") { settings in
        (
            redis: settings.redisWithPrefix(), owner: settings.text("owner"),
            longestResult: settings.bytes("longest_result", in: 1...512 << 20, default: 1 << 20)
        )
    } make: { settings, clients in
        TaskCoordinator(
            clients.client(settings.redis), owner: settings.owner, longestResult: settings.longestResult)
    }

    /// `rate_limiter`: a `RateLimiter`.
    ///
    /// `limit` and `window` of a rule are needed, or `rules`, a list of them. Beside them and the connection: `prefix`
    /// (`signalbox`), `name` (none), `on_failure` (`open`, `closed` or `local`), `local`, `deny_cache` (true),
    /// `timeout` (1 s); in a rule `algorithm`, `burst`, `buckets`, `scope`, and in a list `name`.
    public static let rateLimiter = ServiceFactory("rate_limiter") { settings in
        LimiterSettings(&settings)
    } make: { settings, clients in
        try RateLimiter(
            clients.client(settings.redis), settings.rules, name: settings.name, onFailure: settings.failure,
            denyCache: settings.deniesLocally, timeout: settings.timeout)
    }
}

private struct LockSettings: Sendable {
    let redis: RedisConfiguration
    let keys: LockKeys
    let renewal: Locks.Renewal
    let replicas: Locks.Replicas

    init(_ settings: inout ServiceSettings) {
        redis = settings.redisWithPrefix()
        keys = settings.text("plain_prefix").map { .plain(prefix: $0) } ?? .standard
        let mode = settings.choice("renewal", of: ["automatic", "off"], default: "automatic")
        let maxHold = settings.optionalDuration("max_hold", in: ServiceSettings.lives)
        if mode == "off", maxHold != nil {
            settings.report("max_hold", "has a meaning only with 'renewal: automatic'")
        }
        renewal = mode == "off" ? .off : .automatic(maxHold: maxHold)
        replicas =
            settings.optionalSection("replicas") { section in
                .atLeast(
                    section.requiredInteger("at_least", in: 1...64),
                    within: section.requiredDuration("within", in: ServiceSettings.timeouts))
            } ?? .none
    }
}
