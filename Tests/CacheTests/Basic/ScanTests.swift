import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct ScanTests {
    @Test func `keys come without the prefix, each once, other caches' left out`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<1_200).map { ("user:\($0)", $0) }))
            try await RedisCache(redis, prefix: "myapp2", options: .unhurried).set("user:1", 1)
            try await cache.set("odd*{name}", 1)
            let keys = try await cache.keys(matching: "user:*")
            #expect(keys.count == 1_200)
            #expect(Set(keys) == Set((0..<1_200).map { "user:\($0)" }))
            #expect(try await cache.keys(matching: "odd*") == ["odd*{name}"])
            #expect(try await cache.namespace("user").keys().count == 1_200)
        }
    }

    @Test func `seed 001: deleting by pattern counted what was found, not what was deleted`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<700).map { ("s:\($0)", $0) }))
            try await cache.set("other", 1)
            #expect(try await cache.deleteMany(matching: "s:*") == 700)
            #expect(try await cache.deleteMany(matching: "s:*") == 0)
            #expect(try await cache.keys() == ["other"])
            #expect(try server.calls(of: "keys") == 0)
        }
    }

    @Test func `seed 000: a wildcard in a user's id matched other users' keys`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.setMany(["session:a:1": 1, "session:*:1": 2])
            let id = "*"
            #expect(try await cache.deleteMany(matching: "session:\(id):*") == 1)
            #expect(try await cache.keys() == ["session:a:1"])
        }
    }

    @Test func `seed 001: flushing an empty prefix wiped the database`() async throws {
        try await withRedis { _, redis in
            let all = RedisCache(redis, prefix: "", options: .unhurried)
            try await all.set("a", 1)
            await expectError(.invalidArgument) { try await all.flush() }
            #expect(try await all.get("a", as: Int.self) == 1)
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2])
            try await cache.increment("n")
            #expect(try await cache.flush() == 3)
            #expect(try await all.get("a", as: Int.self) == 1)
        }
    }

    @Test func `keys of other types are neither listed nor deleted`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try server("RPUSH", "myapp:list", "x")
            try await cache.set("a", 1)
            #expect(try await cache.keys() == ["a"])
            #expect(try await cache.flush() == 1)
            #expect(try server("EXISTS", "myapp:list").int == 1)
        }
    }

    @Test func `a scan that cannot go on does not pass for complete`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            await expectError(.invalidArgument) {
                for try await _ in cache.scan(pageSize: 0) {}
            }
            try await cache.set("a", 1)
            server.pause()
            let task = Task { try await cache.keys() }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            server.resume()
        }
    }
}
