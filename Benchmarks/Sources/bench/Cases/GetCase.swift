import RedisCore

/// `get.N.loop` and `get.N.pool`: GET of 64 bytes, one connection, N tasks with one GET each in flight.
enum GetCase {
    static var all: [BenchmarkCase] {
        [
            make(1, .loop, .init(throughput: 0.85, cpu: 1.2)),
            make(64, .loop, .init(throughput: 0.65, cpu: 1.3)),
            make(1_000, .loop, .init(throughput: 0.4, cpu: 1.4)),
            make(1, .pool, .init(throughput: 0.65, cpu: 1.2)),
            make(64, .pool, .init(throughput: 0.4, cpu: 1.1)),
            make(1_000, .pool, .init(throughput: 0.25, cpu: 1.1)),
        ]
    }

    private static func make(_ tasks: Int, _ placement: Placement, _ bar: BenchmarkCase.Bar) -> BenchmarkCase {
        BenchmarkCase(
            name: "get.\(tasks).\(placement.rawValue)",
            summary: "GET of 64 bytes, \(tasks) in flight, tasks \(placement == .loop ? "on the loop" : "in the pool")",
            awaits: 1, bar: bar,
            floor: { try GetFloor.make(port: $0.port, outstanding: tasks) },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let redis = environment.redis
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
                    while run.next() {
                        let value = try await redis.get(RedisKey(Dataset.key))
                        guard value?.count == Dataset.size else {
                            throw BenchmarkError("GET did not return the \(Dataset.size) bytes")
                        }
                    }
                }
            })
    }
}
