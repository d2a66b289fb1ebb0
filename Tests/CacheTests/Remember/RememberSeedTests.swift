import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// The flaws of cache-aside, `remember`, `cached` and `getOrSet` in requirements 000 to 003, one test each.
///
/// Elsewhere: "002 cached cannot cache nil" also in `RememberTests`, Redis in trouble in `RememberFaultTests`.
@Suite struct RememberSeedTests {
    @Test func `000 an invalidation is not undone by a load that began before it`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source(1)
            source.hold()
            let reader = Task { try await cache.remember("user:7") { try await source.get() } }
            try await source.began.wait()
            // Update the database, then delete: the reader has the old row in its hands.
            source.set(2)
            try await cache.delete("user:7")
            source.release()
            _ = try await reader.value
            #expect(try await cache.get("user:7", as: Int.self) == nil)
            #expect(try await cache.remember("user:7") { try await source.get() } == 2)
        }
    }

    @Test func `000 an outage is not taken for a miss that every caller loads for itself`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .milliseconds(50)))
                await server.kill()
                #expect(try await cache.loadsOfMany("a", calls: 50) <= 2)
                // And it can be told apart.
                guard case .unavailable = try await cache.lookup("a", as: Int.self) else {
                    Issue.record("an outage looks like a miss")
                    return
                }
                try await server.start()
            }
        }
    }

    @Test func `000 an outage never fails the request`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .milliseconds(50)))
                await server.kill()
                for _ in 0..<10 { #expect(try await cache.remember("a") { "value" } == "value") }
                try await server.start()
            }
        }
    }

    @Test func `001 remember gives a hit the same type as a miss`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let user = User(id: 1, name: "Ada", tags: ["x"])
            let miss: User = try await cache.remember("user") { user }
            let hit: User = try await cache.remember("user") { User(id: 0, name: "") }
            #expect(miss == user && hit == user)
            for _ in 0..<2 {
                #expect(try await cache.remember("text") { "42" } == "42")
                #expect(try await cache.remember("number") { 42 } == 42)
                #expect(try await cache.remember("bytes") { Data([0, 0xFB]) } == Data([0, 0xFB]))
                #expect(try await cache.remember("list") { ["a", "b"] } == ["a", "b"])
                #expect(try await cache.remember("map") { ["a": 1.5] } == ["a": 1.5])
            }
        }
    }

    @Test func `001 remember does not fail on an error while reading`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("LPUSH", "app:a", "a list")
            #expect(try await cache.remember("a") { 1 } == 1)
            try server("ACL", "SETUSER", "default", "-mget")
            #expect(try await cache.remember("b") { 2 } == 2)
            try server("ACL", "SETUSER", "default", "+mget")
        }
    }

    @Test func `001 remember loads once however many ask, in one process and in several`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let source = Source()
                source.hold()
                let caches = [redis, other].map { RedisCache($0, prefix: "app", options: .unhurriedLoads) }
                let calls = (0..<100).map { number in
                    Task { try await caches[number % 2].remember("a") { try await source.get() } }
                }
                try await eventually("all wait") { caches.allSatisfy { $0.waiters("a", Int.self) == 50 } }
                source.release()
                for call in calls { #expect(try await call.value == 1) }
                #expect(source.loads == 1)
            }
        }
    }

    @Test func `001 rememberForever has no end, and remember's default is the cache's`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["app:a"])) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            _ = try await cache.rememberForever("a") { 1 }
            _ = try await cache.remember("b") { 1 }
            #expect(try server("PTTL", "app:a") == -1)
            #expect(try server.left("app:b") > 3_000_000)
        }
    }

    @Test func `002 cached remembers that there is nothing`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source(nil)
            for _ in 0..<3 {
                let nothing = try await cache.cached("a") { try await source.load() }
                #expect(nothing == nil)
            }
            #expect(source.loads == 1)
        }
    }

    @Test func `002 cached does not stampede`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            let calls = (0..<100).map { _ in Task { try await cache.cached("a") { try await source.get() } } }
            try await eventually("all wait") { cache.waiters("a", Int.self) == 100 }
            source.release()
            for call in calls { #expect(try await call.value == 1) }
            #expect(source.loads == 1)
        }
    }

    @Test func `003 getOrSet does not stampede and remembers that there is nothing`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source(nil)
            source.hold()
            let calls = (0..<100).map { _ in
                Task { try await cache.getOrSet("a", .after(.seconds(60))) { try await source.load() } }
            }
            try await eventually("all wait") { cache.waiters("a", Int.self) == 100 }
            source.release()
            for call in calls { #expect(try await call.value == nil) }
            #expect(try await cache.getOrSet("a", .after(.seconds(60))) { try await source.load() } == nil)
            #expect(source.loads == 1)
        }
    }

    @Test func `003 getOrSet throws what its fetch throws, and nothing is stored`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.fail(Source.Failure(number: 4))
            await #expect(throws: Source.Failure(number: 4)) {
                try await cache.getOrSet("a", .after(.seconds(60))) { try await source.get() }
            }
            let exists = try server("EXISTS", "app:a")
            #expect(exists == 0)
        }
    }

    @Test func `bucketeer 2552 the first caller's cancellation does not fail the others`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            let first = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait()
            let others = (0..<5).map { _ in Task { try await cache.remember("a") { try await source.get() } } }
            try await eventually("all wait") { cache.waiters("a", Int.self) == 6 }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            source.release()
            for other in others { #expect(try await other.value == 1) }
            #expect(source.loads == 1)
        }
    }
}
