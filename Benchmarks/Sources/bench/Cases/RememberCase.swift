import Cache
import RedisCore

/// `remember.hit.64.loop` and `.pool`: hits of `remember`, a value of about 200 bytes of JSON, 64 tasks; `….bytes`: the
/// same entry as bytes, without JSON.
///
/// The floor is the very MGET that a hit sends, of the entry and its namespace's stamp, undecoded.
enum RememberCase {
    static var all: [BenchmarkCase] {
        [
            make(.loop, "") { RememberValue(id: $0) }, make(.pool, "") { RememberValue(id: $0) },
            make(.pool, ".bytes") { _ in CacheDataset.bytes },
        ]
    }

    private static let tasks = 64

    private static func make<T: Codable & Sendable>(
        _ placement: Placement, _ suffix: String, _ value: @escaping @Sendable (Int) -> T
    ) -> BenchmarkCase {
        let name = "remember.hit.\(tasks).\(placement.rawValue)\(suffix)"
        @Sendable func cache(_ environment: Environment) throws -> RedisCache {
            let cache = RedisCache(environment.redis, prefix: "bench:\(name)")
            try blocking { for key in 0..<tasks { _ = try await cache.remember("\(key)") { value(key) } } }
            return cache
        }
        return BenchmarkCase(
            name: name,
            summary: "hits of remember, 200 bytes as \(T.self), \(tasks) tasks "
                + (placement == .loop ? "on the loop" : "in the pool"),
            awaits: 1, bar: .init(throughput: 0.2, cpu: 5),
            floor: { environment in
                let cache = try cache(environment)
                let seen = try LimitCommands.listen(on: environment) {
                    for key in 0..<tasks { _ = try await cache.remember("\(key)") { value(key) } }
                }
                guard seen.count == tasks, let parts = seen.first?.count else {
                    throw BenchmarkError("\(tasks) hits took \(seen.count) commands; the floor knows one each")
                }
                return try ReplyFloor.make(port: environment.port, commands: seen, expected: .entry(amid: parts - 1))
            },
            suspension: placement.suspension(tasks: tasks),
            client: { environment in
                let cache = try cache(environment)
                return TaskWorkload(tasks: tasks, executor: placement.executor(environment)) { run in
                    let (key, load) = ("\(run.number)", value)
                    while run.next() {
                        _ = try await cache.remember(key) { () async throws -> T in
                            throw BenchmarkError("\(name): \(type(of: load)) was asked for again")
                        }
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
