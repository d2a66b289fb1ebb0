import Coordination
import Foundation
import Logging
import RedisCore

/// One of several processes that fight for one lock and write down what they believe, for the tests' history checker.
///
/// `lock-torture URL NAME TTL_MS HISTORY_FILE` runs until it is terminated; `lock-torture burn URL TTL_MS` see
/// ``Burner``.
@main
struct LockTorture {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "burn", let milliseconds = Int(arguments[3]) {
            exit(try await Burner.run(url: arguments[2], ttl: .milliseconds(milliseconds)))
        }
        guard arguments.count == 5, let milliseconds = Int(arguments[3]) else {
            fatalError("usage: lock-torture URL NAME TTL_MS HISTORY_FILE")
        }
        var logger = Logger(label: "lock-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        let history = HistoryLog(path: arguments[4])
        let fighter = LockTorture(
            locks: Locks(redis), redis: redis, name: arguments[2], ttl: .milliseconds(milliseconds), history: history)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 { group.addTask { while true { await fighter.hold() } } }
        }
    }

    let locks: Locks
    let redis: RedisClient
    let name: String
    let ttl: Duration
    let history: HistoryLog

    /// One tenure: believes, writes under the fence without looking first, and gives the lock back.
    private func hold() async {
        guard let lease = try? await locks.acquire(name, ttl: ttl, wait: .seconds(5)) else { return }
        let id = UUID().uuidString
        believe("acquired", id, lease)
        for _ in 0..<Int.random(in: 1...10) {
            try? await redis.eventLoop.sleep(for: .milliseconds(.random(in: 0...20)))
            // Deliberately unchecked: this is the write of a holder that was stopped and does not know it.
            let before = HistoryLog.now()
            if let accepted = try? await lease.fencedSet(id, to: "torture:{resource}", expiry: .seconds(600)) {
                history.write(
                    "write", lease: id, fence: lease.fencingToken, at: before, end: HistoryLog.now(), accepted: accepted
                )
            }
            believe("trusted", id, lease)
            guard lease.isTrusted else {
                history.write("lost", lease: id, fence: lease.fencingToken)
                break
            }
        }
        history.write("releasing", lease: id, fence: lease.fencingToken)
        _ = try? await lease.release()
    }

    /// Notes that the lease is trusted now, and until when nobody would be told otherwise.
    private func believe(_ kind: String, _ id: String, _ lease: Lease) {
        let now = HistoryLog.now()
        guard lease.isTrusted else { return }
        history.write(kind, lease: id, fence: lease.fencingToken, at: now, end: HistoryLog.time(of: lease.trustedUntil))
    }
}
