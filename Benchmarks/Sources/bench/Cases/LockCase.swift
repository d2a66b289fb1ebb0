import Coordination
import RedisCore

/// `lock.N`: acquire and release, N tasks on keys of their own; an operation is a whole cycle.
enum LockCase {
    static var all: [BenchmarkCase] { [make(1), make(64)] }

    private static func make(_ tasks: Int) -> BenchmarkCase {
        BenchmarkCase(
            name: "lock.\(tasks)", summary: "lock cycles, \(tasks) callers on distinct keys, tasks in the pool",
            awaits: 2, bar: .init(throughput: 0.55, cpu: 1.5),
            floor: { environment in
                try LockFloor.make(
                    port: environment.port, cycles: LockCommands.capture(tasks, from: environment))
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let locks = Locks(environment.redis)
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    let name = "bench:\(run.number)"
                    while run.next() {
                        guard let lease = try await locks.tryAcquire(name) else {
                            throw BenchmarkError("lock \(name) is held by somebody else")
                        }
                        guard try await lease.release() == .released else {
                            throw BenchmarkError("lock \(name) was lost")
                        }
                    }
                }
            })
    }
}
