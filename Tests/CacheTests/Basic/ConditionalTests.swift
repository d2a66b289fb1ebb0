import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct ConditionalTests {
    @Test func `add takes a free key only, replace a taken one only`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp")
            let isReplaced = try await cache.replace("a", 1)
            #expect(!isReplaced)
            #expect(try await cache.add("a", 1))
            #expect(try await cache.add("a", 2) == false)
            #expect(try await cache.replace("a", 3))
            #expect(try await cache.get("a", as: Int.self) == 3)
        }
    }

    @Test func `a value is swapped only for the one that is expected, and keeps its end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp")
            let ada = User(id: 1, name: "Ada")
            let bo = User(id: 2, name: "Bo")
            try await cache.set("u", ada, ttl: .after(.seconds(50)))
            #expect(try await cache.compareAndSet("u", expected: bo, new: ada) == false)
            #expect(try await cache.compareAndSet("u", expected: ada, new: bo))
            #expect(try await cache.get("u") == bo)
            #expect(try server("PTTL", "myapp:u").int ?? 0 <= 50_000)
            #expect(try await cache.compareAndSet("none", expected: nil, new: ada))
            #expect(try await cache.compareAndDelete("u", expected: ada) == false)
            #expect(try await cache.compareAndDelete("u", expected: bo))
            #expect(try await cache.get("u", as: User.self) == nil)
        }
    }

    @Test func `of many that compare and set at once each change is seen once`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp")
            try await cache.set("n", 0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<16 {
                    group.addTask {
                        var isDone = false
                        while !isDone {
                            let now = try await cache.get("n", default: 0)
                            isDone = try await cache.compareAndSet("n", expected: now, new: now + 1)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await cache.get("n", as: Int.self) == 16)
        }
    }

    @Test func `of many that take a value out one gets it`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp")
            try await cache.set("ticket", "one")
            let taken = await withTaskGroup(of: String?.self) { group in
                for _ in 0..<20 { group.addTask { try? await cache.getAndDelete("ticket") } }
                return await group.reduce(into: [String]()) { if let ticket = $1 { $0.append(ticket) } }
            }
            #expect(taken == ["one"])
        }
    }

    @Test func `a change ends the fill lease of its key first`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp")
            func lease() throws { try server("SET", "{myapp:a}:fill", "token", "PX", "60000") }
            func isGone() throws -> Bool { try server("EXISTS", "{myapp:a}:fill").int == 0 }
            try lease()
            try await cache.set("a", 1)
            #expect(try isGone())
            try lease()
            #expect(try await cache.compareAndSet("a", expected: 1, new: 2))
            #expect(try isGone())
            try lease()
            try await cache.delete("a")
            #expect(try isGone())
            try lease()
            try await cache.setMany(["a": 1])
            #expect(try isGone())
            try lease()
            #expect(try await cache.getAndDelete("a") == 1)
            #expect(try isGone())
            try lease()
            try await cache.set("b", 1)
            try await cache.rename("b", to: "a")
            #expect(try isGone())
        }
    }
}
