import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What Redis throws away by itself: entries, and the stamps of tags.
@Suite struct NearEvictionTests {
    private func isKnown(_ cache: RedisCache, _ key: String) -> Bool {
        RedisKey("myapp:\(key)").withUTF8 { cache.nearLevel?.store.find($0) } != nil
    }

    /// Evicts keys by `maxmemory` until so many of ours are gone; which ones the server decides.
    private func evict(_ server: RedisServer, _ keys: [String], atLeast count: Int) throws -> [String] {
        func gone() throws -> [String] { try keys.filter { try server("EXISTS", $0) == 0 } }
        let used = try #require(Int(server.info("memory")["used_memory"] ?? ""))
        try server("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        try server("CONFIG", "SET", "maxmemory", "\(used + 100_000)")
        let filling = String(repeating: "x", count: 1_000)
        for number in 0..<20_000 {
            try server("SET", "filling:\(number)", filling, "PX", "600000")
            if number % 100 == 99, try gone().count >= count { break }
        }
        try server("CONFIG", "SET", "maxmemory", "0")
        let evicted = try gone()
        try #require(evicted.count >= count)
        #expect(try server.info("stats")["evicted_keys"] != "0")
        return evicted
    }

    @Test func `what Redis evicts leaves the near cache, by the server's own word`() async throws {
        try await withTwo(.init()) { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            let keys = (0..<200).map { "k\($0)" }
            try await cache.setMany(Dictionary(uniqueKeysWithValues: keys.map { ($0, 1) }))
            try await eventually("all are near") {
                for key in keys where try await cache.get(key, as: Int.self) != 1 { return false }
                return keys.allSatisfy { isKnown(cache, $0) }
            }
            let before = cache.figures
            let gone = try evict(server, keys.map { "myapp:\($0)" }, atLeast: 50).map { String($0.dropFirst(6)) }
            try await eventually("told") { !gone.contains { isKnown(cache, $0) } }
            // Each by its own news, and not because everything was dropped.
            #expect(cache.figures.flushes == before.flushes)
            #expect(cache.figures.invalidations >= before.invalidations + gone.count)
            for key in gone { try server("SET", "myapp:\(key)", "2", "PX", "600000") }
            for key in gone { #expect(try await cache.get(key) == 2) }
        }
    }

    @Test func `a stamp that expires or is evicted takes what has its tag out of the near cache`() async throws {
        try await withTwo(.init()) { server, redis, other in
            let cache = try await RedisCache.near(redis)
            let elsewhere = RedisCache(other, prefix: "myapp", options: .unhurried)
            for isEvicted in [false, true] {
                try await elsewhere.invalidate(tags: "t")
                try await cache.set("k", "new", tags: ["t"])
                try await cache.warm("k", "new")
                if isEvicted {
                    _ = try evict(server, ["{myapp}:tag:t"], atLeast: 1)
                } else {
                    try server("PEXPIRE", "{myapp}:tag:t", "1")
                }
                try await eventually("it is asked for again") { !isKnown(cache, "k") }
                // Here and there the same, whatever Redis has kept of it.
                let (here, there): (String?, String?) = (try await cache.get("k"), try await elsewhere.get("k"))
                #expect(here == there)
                if !isEvicted { #expect(here == "new") }
            }
        }
    }

    /// So a stamp that ends by itself leaves nothing behind that it had ended.
    @Test func `a stamp outlives every entry that it ends`() async throws {
        try await withTwo { server, redis, _ in
            for longest in [Duration.seconds(600), .seconds(3_600), .seconds(30 * 86_400)] {
                let options = CacheOptions(
                    defaultTTL: .after(longest / 3), timeout: .seconds(20), longestTagLife: longest)
                let cache = RedisCache(redis, prefix: "myapp", options: options)
                let lives: [CacheTTL] = [.default, .after(longest / 2), .after(longest)]
                for (number, life) in lives.enumerated() {
                    try await cache.set("k\(number)", 1, ttl: life, tags: ["t"])
                    _ = try await cache.remember("r\(number)", ttl: life, tags: ["t"]) { 1 }
                }
                for life in [CacheTTL.never, .after(longest + .milliseconds(1))] {
                    await expectError(.invalidArgument) { try await cache.set("k", 1, ttl: life, tags: ["t"]) }
                }
                try await cache.invalidate(tags: "t")
                let stamp = try server.left("{myapp}:tag:t")
                for number in lives.indices {
                    for key in ["k\(number)", "r\(number)"] {
                        #expect(try await cache.get(key, as: Int.self) == nil)
                        let left = try server.left("myapp:\(key)")
                        #expect(left > 0 && left < stamp, "\(key) has \(left) ms, the stamp \(stamp)")
                    }
                }
                try await cache.reap()
            }
        }
    }

    /// The limit that the guarantees name: what a stamp that was evicted had ended counts again, and is ended again.
    @Test func `an entry whose stamp was evicted counts again, near and far alike, until it is invalidated`()
        async throws
    {
        try await withTwo { server, redis, other in
            let cache = try await RedisCache.near(redis)
            let elsewhere = RedisCache(other, prefix: "myapp", options: .unhurried)
            try await cache.set("k", "old", tags: ["t"])
            try await elsewhere.invalidate(tags: "t")
            try await eventually("told") { try await cache.get("k", as: String.self) == nil }
            try server("DEL", "{myapp}:tag:t")
            #expect(try await elsewhere.get("k") == "old")
            try await cache.warm("k", "old")
            try await elsewhere.invalidate(tags: "t")
            try await eventually("told again") { try await cache.get("k", as: String.self) == nil }
            #expect(try await elsewhere.get("k", as: String.self) == nil)
        }
    }
}
