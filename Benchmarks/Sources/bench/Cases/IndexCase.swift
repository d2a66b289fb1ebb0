import Cache
import RedisCore

/// `index.page.N`: a page of 1,000 items of 100 bytes by their index, N callers; an operation is a page.
///
/// The floor sends the same script call and decodes nothing.
enum IndexCase {
    static var all: [BenchmarkCase] { [make(1), make(8)] }

    private static let items = 1_000
    private static let value = String(repeating: "x", count: 100)

    private static func make(_ tasks: Int) -> BenchmarkCase {
        BenchmarkCase(
            name: "index.page.\(tasks)",
            summary: "getByIndex of \(items) items of 100 bytes in one page, \(tasks) tasks; one operation is one page",
            awaits: 1, bar: .init(throughput: 0.5, cpu: 2),
            floor: { environment in
                let cache = try cache(environment)
                // From here on the server knows the script.
                try blocking { try await read(cache) }
                let seen = try LimitCommands.listen(on: environment) { try await read(cache) }
                guard seen.count == 1 else {
                    throw BenchmarkError("a page took \(seen.count) commands; the floor knows one")
                }
                return try ReplyFloor.make(
                    port: environment.port, commands: Array(repeating: seen[0], count: tasks), expected: .array)
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let cache = try cache(environment)
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    while run.next() { try await read(cache) }
                }
            })
    }

    private static func cache(_ environment: Environment) throws -> IndexedCache {
        let cache = IndexedCache(
            environment.redis, namespace: "bench:index", options: CacheOptions(timeout: .seconds(30)))
        try blocking {
            let values = Dictionary(uniqueKeysWithValues: (0..<items).map { ("item:\($0)", value) })
            try await cache.setMany(values) { _, _ in ["user": "alice"] }
        }
        return cache
    }

    private static func read(_ cache: IndexedCache) async throws {
        let page = try await cache.getByIndex("user", "alice", as: String.self, limit: items)
        guard page.items.count == items else { throw BenchmarkError("a page has \(page.items.count) items") }
    }
}
