import Cache
import RedisCore

/// `remember.hit.64.loop` and `.pool`: hits of `remember`, a value of about 200 bytes of JSON, 64 tasks, beside a plain
/// GET of 64 bytes.
enum RememberCase {
    static var all: [BenchmarkCase] { [make(.loop), make(.pool)] }

    private static let tasks = 64

    private static func make(_ placement: Placement) -> BenchmarkCase {
        BenchmarkCase(
            name: "remember.hit.\(tasks).\(placement.rawValue)",
            summary: "hits of remember, 200 bytes of JSON, \(tasks) tasks "
                + (placement == .loop ? "on the loop" : "in the pool") + ", beside a GET",
            awaits: 1, bar: .init(throughput: 0.2, cpu: 5),
            floor: { try GetFloor.make(port: $0.port, outstanding: tasks) },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let cache = RedisCache(environment.redis, prefix: "bench:remember")
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
                    let key = "\(run.number)"
                    while run.next() {
                        let value = try await cache.remember(key) { RememberValue(id: run.number) }
                        guard value.id == run.number else { throw BenchmarkError("remember gave another's value") }
                    }
                }
            })
    }
}

/// What applications keep: about 200 bytes as JSON.
struct RememberValue: Codable, Sendable {
    var id: Int
    var name = "Ada Lovelace"
    var mail = "ada.lovelace@analytical-engine.example"
    var roles = ["admin", "author", "reader"]
    var city = "London"
    var note = "wrote the first program for a machine that was never built"
}

/// What a miss costs: read, lease, load of nothing, store.
enum RememberFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "remember.miss", summary: "misses of remember whose load costs nothing, 64 tasks",
                measure: misses)
        ]
    }

    private static let count = 20_000
    private static let tasks = 64

    private static func misses(_ environment: Environment) throws -> [(String, Double?)]? {
        let cache = RedisCache(environment.redis, prefix: "bench:miss")
        return try blocking {
            let begin = Reading(operations: 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for task in 0..<tasks {
                    group.addTask {
                        for number in stride(from: task, to: count, by: tasks) {
                            _ = try await cache.remember("\(number)", ttl: .after(.seconds(60))) {
                                RememberValue(id: number)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let end = Reading(operations: count)
            return [
                ("per_s", Double(count) / (end.wall - begin.wall)),
                ("cpu_us", (end.cpu - begin.cpu) * 1e6 / Double(count)),
            ]
        }
    }
}
