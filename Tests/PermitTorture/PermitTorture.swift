import Coordination
import Foundation
import Logging
import RedisCore
import TestSupport

/// One of several processes that compete for a semaphore's permits, or for a leadership, and write down what they
/// believe, for the tests' checker.
///
/// `permit-torture URL permits|fair|leader LIMIT TTL_MS HISTORY_FILE` runs until it is killed.
@main
struct PermitTorture {
    let redis: RedisClient
    let ttl: Duration
    let limit: Int
    let history: History

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 6, let limit = Int(arguments[3]), let milliseconds = Int(arguments[4]) else {
            fatalError("usage: permit-torture URL permits|fair|leader LIMIT TTL_MS HISTORY_FILE")
        }
        var logger = Logger(label: "permit-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        let torture = PermitTorture(
            redis: redis, ttl: .milliseconds(milliseconds), limit: limit, history: History(path: arguments[5]))
        if arguments[2] == "leader" { return try await torture.lead() }
        let semaphores = Semaphores(redis, fair: arguments[2] == "fair")
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { while true { await torture.hold(semaphores) } } }
        }
    }

    /// One tenure of one or two permits.
    private func hold(_ semaphores: Semaphores) async {
        let permits = Int.random(in: 1...2)
        guard
            let lease = try? await semaphores.acquire(
                "fight", limit: limit, permits: permits, ttl: ttl, wait: .seconds(5))
        else { return }
        let tenure = Tenure(id: UUID().uuidString, fence: lease.fencingToken, permits: permits)
        believe("acquired", tenure, lease.isTrusted, lease.trustedUntil)
        for _ in 0..<Int.random(in: 1...10) {
            try? await redis.eventLoop.sleep(for: .milliseconds(.random(in: 0...20)))
            guard believe("trusted", tenure, lease.isTrusted, lease.trustedUntil) else { break }
        }
        history.write(lease.isTrusted ? "releasing" : "lost", tenure)
        _ = try? await lease.release()
    }

    private func lead() async throws {
        let timing = ElectionTiming(lease: ttl, renewDeadline: ttl * 0.8, retry: ttl / 8)
        let election = try LeaderElection(redis, name: "fight", timing: timing) { [self] leadership in
            let tenure = Tenure(id: UUID().uuidString, fence: leadership.term, permits: 1)
            believe("acquired", tenure, leadership.isTrusted, leadership.trustedUntil)
            // Long enough for a test to stop it in office, short enough for others to have a turn.
            for _ in 0..<40 {
                try? await redis.eventLoop.sleep(for: .milliseconds(10))
                guard believe("trusted", tenure, leadership.isTrusted, leadership.trustedUntil) else { break }
            }
            history.write(leadership.isTrusted ? "releasing" : "lost", tenure)
        }
        try await election.run()
    }

    /// Notes that it is trusted now, and until when nobody would be told otherwise; false when it is not trusted.
    @discardableResult
    private func believe(
        _ kind: String, _ tenure: Tenure, _ isTrusted: @autoclosure () -> Bool,
        _ until: @autoclosure () -> ContinuousClock.Instant
    ) -> Bool {
        let now = HistoryFile.now()
        guard isTrusted() else { return false }
        history.write(kind, tenure, at: now, end: HistoryFile.time(of: until()))
        return true
    }
}
