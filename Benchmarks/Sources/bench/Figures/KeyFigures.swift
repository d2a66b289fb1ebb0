import Coordination
import Foundation
import RedisCore

/// What each structure takes on the server, by MEMORY USAGE, all of its keys together.
enum KeyFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "bytes.coordination",
                summary: "server's bytes per semaphore, leader, latch, barrier, task and idempotency key",
                measure: measure)
        ]
    }

    private static func measure(_ environment: Environment) throws -> [(String, Double?)]? {
        let (redis, port) = (environment.redis, environment.port)
        return try blocking {
            var figures: [(String, Double?)] = []
            for holders in [1, 100, 1_000] {
                let name = "bytes-\(holders)"
                var leases: [Lease] = []
                for _ in 0..<holders {
                    leases.append(try await Semaphores(redis).acquire(name, limit: holders, ttl: .seconds(600)))
                }
                figures.append(("semaphore_\(holders)", try bytes(port, "sem:{\(name)}")))
                for lease in leases { try await lease.release() }
            }
            let (led, leads) = AsyncStream<Void>.makeStream()
            let election = try LeaderElection(redis, name: "bytes", id: "host-1:12345") { _ in
                leads.yield(())
                try await Task.sleep(for: .seconds(600))
            }
            let leading = Task { try await election.run() }
            for await _ in led { break }
            figures.append(("leader", try bytes(port, "leader:{bytes}")))
            leading.cancel()
            _ = await leading.result
            let latch = try CountDownLatch(redis, name: "bytes", count: 10)
            for number in 0..<9 { try await latch.countDown(as: "part-\(number)") }
            figures.append(("latch_10", try bytes(port, "latch:{bytes}")))
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<10 {
                    group.addTask {
                        try await Barrier(redis, name: "bytes", count: 10).arrive(
                            as: "part-\(number)", within: .seconds(10))
                    }
                }
            }
            figures.append(("barrier_10", try bytes(port, "barrier:{bytes}")))
            let tasks = TaskCoordinator(redis, owner: "host-1:12345")
            let running = try await tasks.dedupe("bytes-running", mode: .untilFinished) { _ in
                try bytes(port, "once:{bytes-running}")
            }
            if case .executed(let bytes, _) = running { figures.append(("task_running", bytes)) }
            _ = try await tasks.dedupe("bytes-window", mode: .throttle(.seconds(600))) { _ in }
            figures.append(("task_window", try bytes(port, "once:{bytes-window}")))
            _ = try await tasks.once("bytes-done") { _ in String(repeating: "x", count: 98) }
            figures.append(("task_result_100", try bytes(port, "once:{bytes-done}")))
            let print = RequestFingerprint(method: "POST", path: "/", body: [])
            _ = try await Idempotency(RedisIdempotencyStore(redis)).run(key: "bytes", print) {
                StoredResponse(status: 200, body: Array(repeating: 120, count: 1_000))
            }
            figures.append(("idempotency_1000", try bytes(port, "idem:{bytes}")))
            return figures
        }
    }

    /// The sum over the key and those beside it.
    private static func bytes(_ port: Int, _ key: String) throws -> Double {
        let session = try RawSession(port: port)
        var sum = 0
        for suffix in ["", ":info", ":term"] {
            sum += try session.command("MEMORY", "USAGE", "signalbox:\(key)\(suffix)", "SAMPLES", "0").integer ?? 0
        }
        return Double(sum)
    }
}
