import Coordination
import RedisCore

/// `semaphore.N`, `semaphore.fair.N` and `dedupe.N`: take and give back, N tasks on names of their own; an operation is
/// a whole cycle.
enum CycleCase {
    static var all: [BenchmarkCase] {
        [1, 64].flatMap { [semaphore($0, fair: false), dedupe($0)] } + [semaphore(64, fair: true)]
    }

    private typealias Cycle = @Sendable (_ name: String) async throws -> Void

    private static func semaphore(_ tasks: Int, fair: Bool) -> BenchmarkCase {
        make(
            fair ? "semaphore.fair" : "semaphore", "permit cycles", tasks,
            { environment in
                let semaphores = Semaphores(environment.redis, fair: fair)
                return { name in
                    guard let lease = try await semaphores.tryAcquire(name, limit: 4) else {
                        throw BenchmarkError("the semaphore \(name) is full")
                    }
                    guard try await lease.release() == .released else {
                        throw BenchmarkError("a permit of \(name) was lost")
                    }
                }
            })
    }

    private static func dedupe(_ tasks: Int) -> BenchmarkCase {
        make(
            "dedupe", "runs of tasks guarded until they are finished", tasks,
            { environment in
                let coordinator = TaskCoordinator(environment.redis, owner: "bench")
                return { name in
                    guard case .executed = try await coordinator.dedupe(name, mode: .untilFinished, { _ in }) else {
                        throw BenchmarkError("the task \(name) is run by somebody else")
                    }
                }
            })
    }

    private static func make(
        _ name: String, _ summary: String, _ tasks: Int, _ cycle: @escaping (Environment) -> Cycle
    ) -> BenchmarkCase {
        BenchmarkCase(
            name: "\(name).\(tasks)", summary: "\(summary), \(tasks) callers on distinct names, tasks in the pool",
            awaits: 2, bar: .init(throughput: 0.5, cpu: 1.5),
            floor: { environment in
                let cycle = cycle(environment)
                let names = (0..<tasks).map { "floor-\(name)-\(tasks)-\($0)" }
                return try LockFloor.make(
                    port: environment.port,
                    cycles: LockCommands.capture(names, from: environment) { name in
                        try blocking { try await cycle(name) }
                    })
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let cycle = cycle(environment)
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    let name = "bench-\(name)-\(run.number)"
                    while run.next() { try await cycle(name) }
                }
            })
    }
}

extension LockCommands {
    /// Lets the client take and give back each name once while listening in.
    static func capture(
        _ names: [String], from environment: Environment, _ cycle: (String) throws -> Void
    ) throws -> [LockCommands] {
        guard let first = names.first else { return [] }
        try cycle(first)  // from here on the server knows the scripts
        let monitor = try RawSession(port: environment.port)
        try monitor.command("MONITOR")
        for name in names { try cycle(name) }
        let endMark = "bench-end-of-cycles"
        try RawSession(port: environment.port).command("ECHO", endMark)
        var seen: [[[UInt8]]] = []
        while let line = try monitor.nextReply().text, !line.contains(endMark) {
            if let command = MonitorLine.arguments(of: line) { seen.append(command) }
        }
        let cycles = try names.map { name in
            let commands = seen.filter { $0.contains { String(decoding: $0, as: UTF8.self).hasSuffix("{\(name)}") } }
            guard commands.count == 2 else {
                throw BenchmarkError("a cycle of \(name) took \(commands.count) commands; the floor knows two")
            }
            return LockCommands(acquire: commands[0], release: commands[1])
        }
        // A replayed cycle must work again and again: what gives back says 1.
        let session = try RawSession(port: environment.port)
        for _ in 0..<2 {
            try session.command(cycles[0].acquire)
            guard try session.command(cycles[0].release).integer == 1 else {
                throw BenchmarkError("the replayed cycle of \(first) does not give back what it took")
            }
        }
        return cycles
    }
}
