import Coordination
import Foundation
import RedisCore

/// What held locks cost while nothing happens but their renewal, and what lies in the server for each.
enum LockHoldingFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "lock.held.10000", summary: "10,000 held locks renewing: client CPU and script calls",
                measure: held),
            Figure(name: "lock.bytes", summary: "bytes in the server per key of each kind of lock", measure: bytes),
        ]
    }

    private static let locks = 10_000
    private static let ttl = Duration.seconds(6)
    /// A third of the time to live.
    private static let period = 2.0
    private static let periods = 3.0

    private static func held(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        let leases = try blocking {
            try await withThrowingTaskGroup(of: [Lease].self) { group in
                for start in 0..<100 {
                    group.addTask {
                        var leases: [Lease] = []
                        for number in stride(from: start, to: locks, by: 100) {
                            leases.append(try await Locks(redis).acquire("bench:held:\(number)", ttl: ttl))
                        }
                        return leases
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
        }
        let session = try RawSession(port: environment.port)
        // The first renewals are over: what was acquired together is no longer renewed together.
        Thread.sleep(forTimeInterval: 2 * period)
        try session.command("CONFIG", "RESETSTAT")
        let begin = Reading(operations: 0)
        Thread.sleep(forTimeInterval: periods * period)
        let end = Reading(operations: 0)
        let calls = try CommandStatistics.calls(of: "evalsha", session)
        let lost = leases.count { !$0.isTrusted }
        try blocking {
            try await withThrowingDiscardingTaskGroup { group in
                for lease in leases { group.addTask { try await lease.release() } }
            }
        }
        guard lost == 0 else { throw BenchmarkError("\(lost) leases were lost while held") }
        let elapsed = end.wall - begin.wall
        return [
            ("cpu_us_per_lock_s", (end.cpu - begin.cpu) * 1e6 / Double(locks) / elapsed),
            ("calls_per_100_locks_period", Double(calls) / (Double(locks) / 100) / (elapsed / period)),
        ]
    }

    private static func bytes(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        let session = try RawSession(port: environment.port)
        func size(_ key: String) throws -> Double? {
            try session.command("MEMORY", "USAGE", "signalbox:\(key)", "SAMPLES", "0").integer.map(Double.init)
        }
        let (leases, waiters) = try blocking {
            var leases = [try await Locks(redis).acquire("bytes"), try await FairLocks(redis).acquire("bytes")]
            let shared = ReadWriteLocks(redis)
            leases.append(try await shared.write("bytes:w"))
            for _ in 0..<10 { leases.append(try await shared.read("bytes:r")) }
            let waiters = (0..<10).map { _ in
                Task { try await FairLocks(redis).acquire("bytes", wait: .seconds(60)).release() }
            }
            let writer = Task { try await shared.write("bytes:r", wait: .seconds(60)).release() }
            return (leases, waiters + [writer])
        }
        defer {
            for waiter in waiters { waiter.cancel() }
            try? blocking { for lease in leases { try await lease.release() } }
        }
        for _ in 0..<5_000 {
            let queue = try session.command("ZCARD", "signalbox:fair:{bytes}:queue").integer
            let writers = try session.command("ZCARD", "signalbox:rw:{bytes:r}:writers").integer
            if queue == 10, writers == 1 { break }
            Thread.sleep(forTimeInterval: 0.001)
        }
        return [
            ("lock", try size("lock:{bytes}")), ("lock_fence", try size("lock:{bytes}:fence")),
            ("rw_writer", try size("rw:{bytes:w}")), ("rw_10_readers", try size("rw:{bytes:r}:readers")),
            ("rw_1_waiting_writer", try size("rw:{bytes:r}:writers")), ("fair", try size("fair:{bytes}")),
            ("fair_10_waiters_queue", try size("fair:{bytes}:queue")),
            ("fair_10_waiters_leases", try size("fair:{bytes}:waiters")),
        ]
    }
}
