import Coordination
import RedisCore

/// What a `rate_limiter` is told.
struct LimiterSettings: Sendable {
    let redis: RedisConfiguration
    /// Empty only after a mistake that was reported.
    let rules: [RateLimit]
    let name: String
    let failure: RateLimiter.FailurePolicy
    let deniesLocally: Bool
    let timeout: Duration

    init(_ settings: inout ServiceSettings) {
        redis = settings.redisWithPrefix()
        name = settings.text("name") ?? ""
        rules = Self.rules(&settings)
        failure = Self.failure(&settings)
        deniesLocally = settings.flag("deny_cache", default: true)
        timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: .seconds(1))
    }

    private static func failure(_ settings: inout ServiceSettings) -> RateLimiter.FailurePolicy {
        let policy = settings.choice("on_failure", of: ["open", "closed", "local"], default: "open")
        let local = settings.optionalSection("local") { section in
            let (limit, window) = numbers(&section)
            return RateLimiter.FailurePolicy.local(limit: limit, per: window)
        }
        switch (policy, local) {
        case ("local", let local?): return local
        case ("local", nil):
            settings.report("local", "is missing: 'on_failure: local' needs its 'limit' and 'window'")
        case (_, .some): settings.report("local", "has a meaning only with 'on_failure: local'")
        case ("closed", nil): return .closed
        default: break
        }
        return .open
    }

    /// One rule beside the other settings, or a list of them.
    private static func rules(_ settings: inout ServiceSettings) -> [RateLimit] {
        let listed = settings.sections("rules") { section in
            let name = section.text("name")
            return rule(&section, name: name)
        }
        let own = ["limit", "window", "algorithm", "burst", "buckets", "scope"].filter { settings.has($0) }
        guard settings.has("rules") else { return [rule(&settings, name: nil)].compactMap { $0 } }
        for key in own { settings.report(key, "belongs into the rules of the list 'rules'") }
        settings.skip { _ = rule(&$0, name: nil) }
        return listed.compactMap { $0 }
    }

    private static func numbers(_ settings: inout ServiceSettings) -> (limit: Int, window: Duration) {
        (
            settings.requiredInteger("limit", in: 1...1_000_000_000),
            settings.requiredDuration("window", in: .milliseconds(1) ... .seconds(366 * 86_400))
        )
    }

    /// nil only after a mistake that was reported.
    private static func rule(_ settings: inout ServiceSettings, name: String?) -> RateLimit? {
        let (limit, window) = numbers(&settings)
        let algorithm = algorithm(&settings)
        let scope = settings.choice("scope", of: ["each_key", "all_keys"], default: "each_key")
        do {
            return try RateLimit(
                limit, per: window, algorithm: algorithm, name: name, scope: scope == "all_keys" ? .allKeys : .eachKey)
        } catch {
            settings.report("limit", "cannot work: \(error.message)")
            return nil
        }
    }

    private static let algorithms = [
        "automatic", "sliding_window_log", "sliding_window_buckets", "token_bucket", "fixed_window",
    ]

    private static func algorithm(_ settings: inout ServiceSettings) -> RateLimit.Algorithm {
        let name = settings.choice("algorithm", of: algorithms, default: "automatic")
        let burst = settings.integer("burst", in: 1...1_000_000_000)
        let buckets = settings.integer("buckets", in: 2...1_000)
        for (key, home) in [("burst", "token_bucket"), ("buckets", "sliding_window_buckets")]
        where settings.has(key) && name != home {
            settings.report(key, "has a meaning only with 'algorithm: \(home)'")
        }
        switch name {
        case "sliding_window_log": return .slidingWindowLog
        case "sliding_window_buckets":
            return buckets.map { .slidingWindowBuckets(count: $0) } ?? .slidingWindowBuckets()
        case "fixed_window": return .fixedWindow
        case "token_bucket":
            if !settings.has("burst") { settings.report("burst", "is missing: a token bucket needs its size") }
            return .tokenBucket(burst: burst ?? 1)
        default: return .automatic
        }
    }
}
