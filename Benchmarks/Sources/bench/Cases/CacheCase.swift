import Cache
import Foundation
import RedisCore

/// `cache.get.64`, `cache.set.64`, `cache.many.100`: entries of 200 bytes, typed and as bytes.
///
/// The floor sends GET, SET PX or MGET of the very bytes that the cache stores, and decodes nothing. `….bytes` is the
/// same work with a value that is bytes already: what it lacks is the share of JSON.
enum CacheCase {
    private static let tasks = 64
    private static let batch = 100

    static var all: [BenchmarkCase] {
        [
            get("cache.get.64") { CacheDataset.profile }, get("cache.get.64.bytes", CacheDataset.json),
            set("cache.set.64") { CacheDataset.profile }, set("cache.set.64.bytes", CacheDataset.json),
            many("cache.many.100") { CacheDataset.profile },
            many("cache.many.100.bytes") { [UInt8](try CacheDataset.json()) },
            many("cache.many.100.bytes.1", tasks: 1) { [UInt8](try CacheDataset.json()) },
            many("cache.many.100.bytes.8", tasks: 8) { [UInt8](try CacheDataset.json()) },
            many("cache.many.100.data", CacheDataset.json),
            many("cache.many.100.text") { String(decoding: try CacheDataset.json(), as: UTF8.self) },
        ]
    }

    private typealias Value = Codable & Sendable & Equatable

    private static func get<T: Value>(_ name: String, _ value: @escaping @Sendable () throws -> T) -> BenchmarkCase {
        BenchmarkCase(
            name: name, summary: "get of 200 bytes as \(T.self) from the cache, \(tasks) tasks in the pool",
            awaits: 1, bar: .init(throughput: 0.4, cpu: 1.5),
            floor: { environment in
                let (redis, value) = (environment.redis, try value())
                let (key, entry) = try blocking {
                    let cache = CacheDataset.cache(redis)
                    try await fill([name], value, redis)
                    return (try cache.redisKey(name).name, try await CacheDataset.stored(name, of: cache, in: redis))
                }
                let command = [Array("GET".utf8), Array(key.utf8)]
                return try ReplyFloor.make(
                    port: environment.port, commands: Array(repeating: command, count: tasks),
                    expected: .text(entry.count))
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let (redis, value) = (environment.redis, try value())
                let cache = CacheDataset.cache(redis)
                try blocking { try await fill([name], value, redis) }
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    while run.next() {
                        guard try await cache.get(name, as: T.self) != nil else {
                            throw BenchmarkError("the cache lost \(name)")
                        }
                    }
                }
            })
    }

    private static func set<T: Value>(_ name: String, _ value: @escaping @Sendable () throws -> T) -> BenchmarkCase {
        BenchmarkCase(
            name: name, summary: "set of 200 bytes from \(T.self) in the cache, \(tasks) tasks on keys of their own",
            awaits: 1, bar: .init(throughput: 0.4, cpu: 1.5),
            floor: { environment in
                let (redis, value) = (environment.redis, try value())
                let entry = try blocking {
                    let cache = CacheDataset.cache(redis)
                    try await cache.set(name, value)
                    return try await CacheDataset.stored(name, of: cache, in: redis)
                }
                let commands = (0..<tasks).map { task in
                    ["SET", "bench:raw:\(name):\(task)"].map { Array($0.utf8) } + [entry]
                        + ["PX", "60000"].map { Array($0.utf8) }
                }
                return try ReplyFloor.make(port: environment.port, commands: commands, expected: .status)
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let (cache, value) = (CacheDataset.cache(environment.redis), try value())
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    let key = "\(name):\(run.number)"
                    while run.next() { try await cache.set(key, value, ttl: .after(CacheDataset.minute)) }
                }
            })
    }

    /// Tasks, each reading all hundred keys at once; an operation is one such call.
    private static func many<T: Value>(
        _ name: String, tasks: Int = tasks, _ value: @escaping @Sendable () throws -> T
    ) -> BenchmarkCase {
        let names = (0..<batch).map { "\(name):\($0)" }
        return BenchmarkCase(
            name: name,
            summary: "getMany of \(batch) keys of 200 bytes as \(T.self), \(tasks) tasks; one operation is one call",
            awaits: 1, bar: .init(throughput: 0.6, cpu: 1.5),
            floor: { environment in
                let (redis, value) = (environment.redis, try value())
                let keys = try blocking {
                    try await fill(names, value, redis)
                    return try names.map { try CacheDataset.cache(redis).redisKey($0).name }
                }
                let command = (["MGET"] + keys).map { Array($0.utf8) }
                return try ReplyFloor.make(
                    port: environment.port, commands: Array(repeating: command, count: tasks), expected: .texts(batch))
            },
            suspension: Placement.pool.suspension(tasks: tasks),
            client: { environment in
                let (redis, value) = (environment.redis, try value())
                let cache = CacheDataset.cache(redis)
                try blocking { try await fill(names, value, redis) }
                return TaskWorkload(tasks: tasks, executor: nil) { run in
                    while run.next() {
                        guard try await cache.getMany(names, as: T.self).count == batch else {
                            throw BenchmarkError("the cache lost some of \(batch) keys")
                        }
                    }
                }
            })
    }

    /// What both sides read; a profile runs the client's alone.
    private static func fill<T: Value>(_ names: [String], _ value: T, _ redis: RedisClient) async throws {
        try await CacheDataset.cache(redis).setMany(
            Dictionary(uniqueKeysWithValues: names.map { ($0, value) }), ttl: .after(.seconds(3_600)))
    }
}
