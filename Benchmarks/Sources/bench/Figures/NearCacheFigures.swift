import Cache
import Foundation
import RedisCore

/// What the level of a cache in the process costs: a read that it answers, and an entry that it keeps.
enum NearCacheFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "near.hit",
                summary:
                    "get of a Codable of 200 bytes that the near cache has: CPU ns, and how many a second and core",
                measure: hit),
            Figure(
                name: "near.memory", summary: "resident bytes per entry of a near cache, values of 200 bytes as JSON",
                measure: memory),
        ]
    }

    private struct Profile: Codable, Sendable {
        var id: Int
        var name: String
        var mail: String
        var bio: String

        init(_ id: Int) {
            self.id = id
            name = "user \(id)"
            mail = "user.\(id)@example.com"
            bio = String(repeating: "x", count: 120)
        }
    }

    private static func makeCache(_ environment: Environment, entries: Int) async throws -> RedisCache {
        let options = CacheOptions(near: NearCacheOptions(entries: entries, bytes: 1 << 30, maxAge: .seconds(3_600)))
        let cache = RedisCache(environment.redis, prefix: "bench:near", options: options)
        while cache.near?.state != .tracking { try await Task.sleep(for: .milliseconds(1)) }
        return cache
    }

    /// Writes values and reads them until they are near: the news of a write may come after the first read.
    private static func fill(_ cache: RedisCache, _ keys: [String]) async throws {
        for start in stride(from: 0, to: keys.count, by: 500) {
            let some = keys[start..<min(start + 500, keys.count)]
            let values = some.enumerated().map { ($0.element, Profile(start + $0.offset)) }
            try await cache.setMany(Dictionary(uniqueKeysWithValues: values))
        }
        while (cache.near?.figures.entries ?? 0) < keys.count {
            for start in stride(from: 0, to: keys.count, by: 500) {
                _ = try await cache.getMany(Array(keys[start..<min(start + 500, keys.count)]), as: Profile.self)
            }
        }
    }

    // MARK: Hits

    private static let reads = 3_000_000

    private static func hit(_ environment: Environment) throws -> [(String, Double?)]? {
        let environment = UncheckedEnvironment(value: environment)
        return try blocking {
            let cache = try await makeCache(environment.value, entries: 20_000)
            let keys = (0..<1_000).map { "user:\($0)" }
            try await fill(cache, keys)
            let before = cache.near?.figures.hits ?? 0
            let begin = Reading(operations: 0)
            var index = 0
            for _ in 0..<reads {
                guard try await cache.get(keys[index], as: Profile.self) != nil else {
                    throw BenchmarkError("the near cache lost a value")
                }
                index = index == keys.count - 1 ? 0 : index + 1
            }
            let end = Reading(operations: reads)
            guard (cache.near?.figures.hits ?? 0) - before == reads else {
                throw BenchmarkError("reads went to Redis")
            }
            try await cache.flush()
            return [
                ("per_core_s", Double(reads) / (end.cpu - begin.cpu)),
                ("ns", (end.cpu - begin.cpu) * 1e9 / Double(reads)),
            ]
        }
    }

    // MARK: Memory

    private static let entries = 50_000

    private static func memory(_ environment: Environment) throws -> [(String, Double?)]? {
        guard let before = ResidentMemory.ofProcess(getpid()) else {
            remark("near: resident sizes are read from /proc, which this system does not have")
            return nil
        }
        let environment = UncheckedEnvironment(value: environment)
        let (cache, after) = try blocking {
            // Twice the room, so that nothing is evicted however keys spread over the shards.
            let cache = try await makeCache(environment.value, entries: 2 * entries)
            try await fill(cache, (0..<entries).map { "user:\($0)" })
            return (cache, ResidentMemory.ofProcess(getpid()))
        }
        let figures = cache.near?.figures
        try blocking { _ = try await cache.flush() }
        return [
            ("bytes", after.map { Double($0 - before) / Double(entries) }),
            ("counted_bytes", figures.map { Double($0.bytes) / Double(entries) }),
        ]
    }
}

/// The environment is used by one case at a time, which waits for what it starts.
private struct UncheckedEnvironment: @unchecked Sendable {
    let value: Environment
}
