import Cache
import Foundation
import RedisCore

/// Indexed caches: keys by their index, values by their keys, and what an item takes on the server.
enum IndexedFigures {
    static var all: [Figure] {
        [
            Figure(
                name: "index.keys",
                summary: "1,000 keys of an index in one page, and their values by getMany, one caller", measure: page),
            Figure(
                name: "bytes.index", summary: "server's bytes per item of 100 bytes, without and with 1 and 2 indexes",
                measure: bytes),
        ]
    }

    private static let items = 1_000
    private static let rounds = 200
    private static let value = String(repeating: "x", count: 100)

    private static func page(_ environment: Environment) throws -> [(String, Double?)]? {
        let redis = environment.redis
        return try blocking {
            let cache = IndexedCache(
                redis, namespace: "bench:page", options: CacheOptions(timeout: .seconds(30)))
            let values = Dictionary(uniqueKeysWithValues: (0..<items).map { ("item:\($0)", value) })
            try await cache.setMany(values) { _, _ in ["user": "alice"] }
            let keys = Array(values.keys)
            let keysOnly = try await milliseconds {
                _ = try await cache.getKeysByIndex("user", "alice", limit: items)
            }
            let many = try await milliseconds { _ = try await cache.getMany(keys, as: String.self) }
            try await cache.clearNamespace()
            return [("keys_ms", keysOnly), ("get_many_ms", many)]
        }
    }

    private static func milliseconds(_ body: () async throws -> Void) async throws -> Double {
        try await body()
        let begun = ContinuousClock.now
        for _ in 0..<rounds { try await body() }
        return (ContinuousClock.now - begun) / .milliseconds(1) / Double(rounds)
    }

    /// The growth of used memory by 10,000 items, all structures included; users have ten items each.
    private static func bytes(_ environment: Environment) throws -> [(String, Double?)]? {
        let (redis, port) = (environment.redis, environment.port)
        let count = 10_000
        return try blocking {
            let options = CacheOptions(timeout: .seconds(30))
            let cache = IndexedCache(redis, namespace: "bench:bytes", options: options)
            let tracked = IndexedCache(redis, namespace: "bench:bytes", options: options, expiry: .keys())
            let kept = IndexedCache(redis, namespace: "bench:bytes", options: options, expiry: .values())
            func growth(_ cache: IndexedCache, indexes: Int) async throws -> Double {
                let before = try usedMemory(port)
                for start in stride(from: 0, to: count, by: 1_000) {
                    let part = Dictionary(
                        uniqueKeysWithValues: (start..<start + 1_000).map { (String(format: "item:%05d", $0), value) })
                    try await cache.setMany(part) { key, _ in
                        let all = ["user": "user:\(key.dropLast())", "session": "session:\(key.dropLast())"]
                        return all.filter { indexes == 2 || indexes == 1 && $0.key == "user" }
                    }
                }
                let after = try usedMemory(port)
                try await cache.clearNamespace()
                return (after - before) / Double(count)
            }
            return [
                ("no_index", try await growth(cache, indexes: 0)), ("one_index", try await growth(cache, indexes: 1)),
                ("two_indexes", try await growth(cache, indexes: 2)),
                ("no_index_ends_noted", try await growth(tracked, indexes: 0)),
                ("no_index_values_kept", try await growth(kept, indexes: 0)),
            ]
        }
    }

    private static func usedMemory(_ port: Int) throws -> Double {
        let session = try RawSession(port: port)
        let text = try session.command("INFO", "memory").text ?? ""
        let line = text.split(whereSeparator: \.isNewline).first { $0.hasPrefix("used_memory:") }
        return Double(line?.dropFirst("used_memory:".count) ?? "") ?? 0
    }
}
