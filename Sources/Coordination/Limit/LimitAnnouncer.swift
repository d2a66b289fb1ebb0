import Logging
import Metrics
import RedisCore
import Synchronization

/// Tells other limiters of the same name which rules this one has, and logs when theirs are different.
///
/// In the background, at the first verdict and every five minutes: two that disagree know it within that time.
final class LimitAnnouncer: Sendable {
    /// How often, how long an announcement counts, how long the key lives.
    private static let interval: Int64 = 300 * 1_000_000_000
    private static let counts: Int64 = 600 * 1_000_000
    private static let life: Int64 = 3_600_000

    private let redis: RedisClient
    private let key: RedisKey
    private let name: String
    private let rules: String
    private let nextAt = Atomic<Int64>(.min)
    private let told = Mutex<Set<String>>([])

    init(_ redis: RedisClient, key: String, name: String, rules: [RateLimit]) {
        self.redis = redis
        self.key = RedisKey(key)
        self.name = name
        self.rules = rules.map(\.announced).joined(separator: ",")
    }

    func announceIfDue(_ now: Int64) {
        let due = nextAt.load(ordering: .relaxed)
        guard now >= due,
            nextAt.compareExchange(expected: due, desired: now + Self.interval, ordering: .relaxed).exchanged
        else { return }
        Task(executorPreference: redis.eventLoop) { [self] in await announce() }
    }

    private func announce() async {
        let others: [String]
        do {
            others = try await redis.evaluate(
                LimitScripts.announce, keys: [key], arguments: [rules, Self.counts, Self.life])
        } catch {
            redis.logger.debug("a limiter's rules were not announced", metadata: ["error": "\(error)"])
            return
        }
        for other in others where told.withLock({ $0.count < 100 && $0.insert(other).inserted }) {
            CoordinationMetrics.shared.limitConflicts.increment()
            redis.logger.warning(
                "limiters of one name have different rules; each counts for itself, so together they admit more",
                metadata: ["limiter": "\(name)", "rules": "\(rules)", "other rules": "\(LogText.clean(other))"])
        }
    }
}

/// Text from Redis for the log.
private enum LogText {
    static func clean(_ text: String) -> String {
        String(text.prefix(200).map { $0.isASCII && !$0.isNewline && $0.asciiValue ?? 0 >= 0x20 ? $0 : "?" })
    }
}
