import Coordination
import Foundation
import Logging
import RedisCore
import TestSupport

/// One of several processes that fight for one lock and write down what they believe, for the tests' history checker.
///
/// `lock-torture URL NAME TTL_MS HISTORY_FILE [lock|fair|readWrite]` runs until it is terminated; `lock-torture burn
/// URL TTL_MS` see ``Burner``.
@main
struct LockTorture {
    static func main() async throws {
        let arguments = CommandLine.arguments
        if arguments.count == 4, arguments[1] == "burn", let milliseconds = Int(arguments[3]) {
            do {
                exit(try await Burner.run(url: arguments[2], ttl: .milliseconds(milliseconds)))
            } catch {
                // An error that leaves main is a trap, which tells the test nothing.
                print("burn: \(error)")
                exit(1)
            }
        }
        guard (5...6).contains(arguments.count), let milliseconds = Int(arguments[3]),
            let mode = Mode(rawValue: arguments.count == 6 ? arguments[5] : Mode.lock.rawValue)
        else {
            fatalError("usage: lock-torture URL NAME TTL_MS HISTORY_FILE [lock|fair|readWrite]")
        }
        var logger = Logger(label: "lock-torture")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        let history = HistoryLog(path: arguments[4])
        let fighter = LockTorture(
            mode: mode, redis: redis, fair: try FairLocks(redis, place: .seconds(1)), name: arguments[2],
            ttl: .milliseconds(milliseconds), history: history)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<2 { group.addTask { while true { await fighter.hold() } } }
        }
    }

    enum Mode: String { case lock, fair, readWrite }

    let mode: Mode
    let redis: RedisClient
    let fair: FairLocks
    let name: String
    let ttl: Duration
    let history: HistoryLog

    /// One tenure: believes, writes under the fence without looking first, and gives the lock back.
    private func hold() async {
        let shared = mode == .readWrite && Bool.random()
        guard let lease = try? await acquire(shared: shared) else { return }
        let id = UUID().uuidString
        believe("acquired", id, lease, shared)
        for _ in 0..<Int.random(in: 1...10) {
            try? await redis.eventLoop.sleep(for: .milliseconds(.random(in: 0...20)))
            if !shared { await write(id, lease) }
            believe("trusted", id, lease, shared)
            guard lease.isTrusted else {
                history.write("lost", lease: id, fence: lease.fencingToken, shared: shared)
                break
            }
        }
        history.write("releasing", lease: id, fence: lease.fencingToken, shared: shared)
        _ = try? await lease.release()
    }

    private func acquire(shared: Bool) async throws -> Lease {
        let wait = Duration.seconds(5)
        switch mode {
        case .lock: return try await Locks(redis).acquire(name, ttl: ttl, wait: wait)
        case .fair: return try await fair.acquire(name, ttl: ttl, wait: wait)
        case .readWrite:
            let locks = ReadWriteLocks(redis)
            return try await shared
                ? locks.read(name, ttl: ttl, wait: wait) : locks.write(name, ttl: ttl, wait: wait)
        }
    }

    /// Deliberately unchecked: this is the write of a holder that was stopped and does not know it.
    private func write(_ id: String, _ lease: Lease) async {
        let before = HistoryFile.now()
        guard let accepted = try? await lease.fencedSet(id, to: "torture:{resource}", expiry: .seconds(600)) else {
            return
        }
        history.write(
            "write", lease: id, fence: lease.fencingToken, at: before, end: HistoryFile.now(), accepted: accepted)
    }

    /// Notes that the lease is trusted now, and until when nobody would be told otherwise.
    private func believe(_ kind: String, _ id: String, _ lease: Lease, _ shared: Bool) {
        let now = HistoryFile.now()
        guard lease.isTrusted else { return }
        history.write(
            kind, lease: id, fence: lease.fencingToken, at: now, end: HistoryFile.time(of: lease.trustedUntil),
            shared: shared)
    }
}
