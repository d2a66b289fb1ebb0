import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

@Suite struct ConditionalTests {
    @Test func `add takes a free key only, replace a taken one only`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
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
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            let ada = User(id: 1, name: "Ada")
            let bo = User(id: 2, name: "Bo")
            try await cache.set("u", ada, ttl: .after(.seconds(500)))
            #expect(try await cache.compareAndSet("u", expected: bo, new: ada) == false)
            #expect(try await cache.compareAndSet("u", expected: ada, new: bo))
            #expect(try await cache.get("u") == bo)
            #expect(try server("PTTL", "myapp:u").int ?? 0 <= 500_000)
            #expect(try await cache.compareAndSet("none", expected: nil, new: ada))
            #expect(try await cache.compareAndDelete("u", expected: ada) == false)
            #expect(try await cache.compareAndDelete("u", expected: bo))
            #expect(try await cache.get("u", as: User.self) == nil)
        }
    }

    @Test func `of many that compare and set at once each change is seen once`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
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
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
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
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
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

    @Test func `a remembered absence is no value for those who ask whether there is one`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            for key in ["a", "b"] {
                let none: Int? = try await cache.remember(key) { nil }
                #expect(none == nil)
            }
            #expect(try await cache.exists("a", "b") == 0)
            #expect(try await cache.replace("a", 1) == false)
            #expect(try await cache.add("a", 2))
            #expect(try await cache.get("a") == 2)
            #expect(try await cache.compareAndSet("b", expected: nil, new: 3))
            #expect(try await cache.get("b") == 3)
            #expect(try await cache.exists("a", "b") == 2)
        }
    }

    @Test func `what is kept of a life is bounded by tags and by freshness`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(timeout: .seconds(60), longestTagLife: .seconds(1_000))
            let cache = RedisCache(redis, prefix: "myapp", options: options)
            try await cache.set("a", 1, ttl: .after(.seconds(9_000)))
            #expect(try await cache.compareAndSet("a", expected: 1, new: 2, tags: ["t"]))
            #expect(try #require(try server("PTTL", "myapp:a").int) <= 1_000_000)
            _ = try await cache.remember("b", ttl: .after(.seconds(100)), options: .failSafe) { 1 }
            #expect(try #require(try server("PTTL", "myapp:b").int) > 80_000_000)
            #expect(try await cache.compareAndSet("b", expected: 1, new: 2))
            #expect(try #require(try server("PTTL", "myapp:b").int) <= 100_000)
            #expect(try await cache.get("b") == 2)
        }
    }

    /// Calls `onComparing` when two are compared.
    private struct Watched: Codable, Sendable, Equatable {
        static let onComparing = Mutex<(@Sendable () -> Void)?>(nil)
        var number: Int

        static func == (one: Watched, other: Watched) -> Bool {
            onComparing.withLock { $0 }?()
            return one.number == other.number
        }
    }

    @Test func `what is invalidated between the comparison and the swap does not come back`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("a", Watched(number: 1), tags: ["t"])
            Watched.onComparing.withLock { hook in
                hook = {
                    guard let time = try? server("TIME").strings, time.count == 2 else { return }
                    let stamp = time[0] + String(repeating: "0", count: 6 - time[1].count) + time[1]
                    _ = try? server("SET", "{myapp}:tag:t", stamp, "PX", "60000")
                }
            }
            let isSwapped = try await cache.compareAndSet(
                "a", expected: Watched(number: 1), new: Watched(number: 2), tags: ["t"])
            Watched.onComparing.withLock { $0 = nil }
            #expect(isSwapped)
            #expect(try server("EXISTS", "{myapp}:tag:t") == 1)
            let found = try await cache.get("a", as: Watched.self)?.number
            #expect(found == nil)
        }
    }
}
