import Coordination
import RedisCore

/// `lock.N`: acquire and release, N tasks on keys of their own; an operation is a whole cycle.
///
/// `lock.N.loop` is the same work without Swift's pool: the difference is what waking its threads costs.
enum LockCase {
    static var all: [BenchmarkCase] { [make(1, .pool), make(64, .pool), make(1, .loop), make(64, .loop)] }

    private static func make(_ tasks: Int, _ placement: Placement) -> BenchmarkCase {
        BenchmarkCase(
            name: "lock.\(tasks)" + (placement == .loop ? ".loop" : ""),
            summary: "lock cycles, \(tasks) callers on distinct keys, tasks "
                + (placement == .loop ? "on the loop" : "in the pool"),
            awaits: 2, bar: .init(throughput: 0.55, cpu: 1.5),
            floor: { environment in
                try LockFloor.make(
                    port: environment.port, cycles: LockCommands.capture(tasks, from: environment))
            },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let locks = Locks(environment.redis)
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
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
