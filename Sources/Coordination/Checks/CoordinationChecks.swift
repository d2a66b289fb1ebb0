import FoundationEssentials
import Logging
public import RedisCore
import Synchronization

/// Whether a server is fit to keep leases: eviction, persistence, role and clock.
///
/// Without anybody asking, the first lock, permit, election or task of each client has this looked up once in the
/// background, and what is found logged. Whoever wants to know before, or to refuse such a server, asks:
///
/// ```swift
/// try await CoordinationChecks(redis).apply(.refuse)
/// ```
public struct CoordinationChecks: Sendable {
    /// What to do about findings.
    public enum Policy: String, Sendable, Hashable, CaseIterable {
        /// Log them.
        case warn
        /// Log them, and throw when there is a warning among them.
        case refuse
        /// Do not look; the background look is off too.
        case off
    }

    private let redis: RedisClient
    private let engine: CoordinationEngine
    private let clockThreshold: Duration

    /// Checks of one server; nothing is sent.
    ///
    /// - Parameter clockThreshold: How far the server's clock may be from this machine's.
    public init(_ redis: RedisClient, clockThreshold: Duration = .seconds(1)) {
        self.redis = redis
        self.clockThreshold = clockThreshold
        engine = CoordinationEngine.of(redis)
    }

    /// Looks; two round trips, and two more for the clock.
    ///
    /// What the server does not tell (an ACL without CONFIG) is no finding.
    ///
    /// - Throws: `unavailable` when Redis gave no answer; `CancellationError`.
    public func findings() async throws -> [CoordinationFinding] {
        do {
            return try await Self.facts(of: redis).findings(clockThreshold: clockThreshold)
        } catch {
            throw CoordinationError.from(error, operation: "check", key: "INFO")
        }
    }

    /// Looks, and does what the policy says; the background look is then done with.
    ///
    /// - Returns: what was found; nothing with `off`.
    /// - Throws: `unsuitableServer`, whose message lists the warnings; as ``findings()``.
    @discardableResult
    public func apply(_ policy: Policy) async throws -> [CoordinationFinding] {
        engine.policyCheck.skip()
        guard policy != .off else { return [] }
        let findings = try await findings()
        Self.log(findings, redis.logger)
        let warnings = findings.filter { $0.severity == .warning }
        if policy == .refuse, !warnings.isEmpty {
            throw CoordinationError(
                .unsuitableServer, operation: "check",
                message: "the server is not fit for coordination: "
                    + warnings.map(\.description).joined(separator: "; "))
        }
        return findings
    }

    static func log(_ findings: [CoordinationFinding], _ logger: Logger) {
        for finding in findings {
            logger.log(
                level: finding.severity == .warning ? .warning : .notice, "\(finding.evidence); \(finding.advice)",
                metadata: ["check": "\(finding.code.rawValue)"])
        }
    }

    static func facts(of redis: RedisClient) async throws(RedisError) -> ServerFacts {
        var facts = ServerFacts(info: try await redis.command(RedisCommand("INFO"), as: String.self))
        let settings = try await redis.pipeline([
            RedisCommand("CONFIG", "GET", "save"), RedisCommand("CONFIG", "GET", "appendfsync"),
        ])
        facts.snapshots = value(settings[0])
        facts.fsync = value(settings[1])
        facts.clock = try await clock(of: redis)
        return facts
    }

    private static func value(_ reply: Result<RedisValue, RedisError>) -> String? {
        guard case .success(.array(let pair)) = reply, pair.count == 2, case .bytes(let value) = pair[1] else {
            return nil
        }
        return String(decoding: value, as: UTF8.self)
    }

    /// The better of two measurements: the shorter the round trip, the closer.
    private static func clock(of redis: RedisClient) async throws(RedisError) -> ServerFacts.ClockOffset? {
        var best: ServerFacts.ClockOffset?
        for _ in 0..<2 {
            // In this order: a pause between the two readings makes the measurement uncertain, not wrong.
            let begin = ContinuousClock.now
            let before = Date().timeIntervalSince1970
            let time = try await redis.command(RedisCommand("TIME"), as: [String].self)
            let half = (ContinuousClock.now - begin) / 2
            guard time.count == 2, let seconds = Int64(time[0]), let micros = Int64(time[1]) else { return nil }
            let server = Duration.seconds(seconds) + .microseconds(micros)
            let offset = server - .seconds(before) - half
            if best.map({ half < $0.uncertainty }) ?? true { best = .init(offset: offset, uncertainty: half) }
        }
        return best
    }
}

/// The look in the background that the first use of each client causes.
final class AutomaticChecks: Sendable {
    private let isDue = Atomic(true)
    private let found = Mutex<[CoordinationFinding]?>(nil)

    /// What was found, once it is known.
    var findings: [CoordinationFinding]? { found.withLock { $0 } }

    /// Asks in the background, the first time it is called; a server that does not answer is not asked again.
    func runOnce(_ redis: RedisClient) {
        guard isDue.load(ordering: .relaxed), isDue.exchange(false, ordering: .relaxed) else { return }
        Task(executorPreference: redis.eventLoop) { [self] in
            guard let facts = try? await CoordinationChecks.facts(of: redis) else { return }
            let findings = facts.findings(clockThreshold: .seconds(1))
            found.withLock { $0 = findings }
            CoordinationChecks.log(findings, redis.logger)
        }
    }

    /// Somebody looks, or does not want to.
    func skip() { isDue.store(false, ordering: .relaxed) }
}
