import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What depends on the value that is there: equal to another one, and not invalidated meanwhile.
@Suite struct ComparedValueTests {
    private struct Meeting: Codable, Sendable, Equatable {
        var at: Date
        var room = 1
    }

    @Test func `a value whose date has more digits than are stored matches itself`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let meeting = Meeting(at: Date(timeIntervalSinceReferenceDate: 0.123_456_789))
            try await cache.set("m", meeting)
            let stored = try #require(try await cache.get("m", as: Meeting.self))
            #expect(stored != meeting, "it is stored in microseconds")
            let other = Meeting(at: meeting.at, room: 2)
            let isOther = try await cache.compareAndSet("m", expected: other, new: meeting)
            #expect(!isOther)
            let isDeletedAsOther = try await cache.compareAndDelete("m", expected: other)
            #expect(!isDeletedAsOther)
            #expect(try await cache.compareAndSet("m", expected: meeting, new: other))
            #expect(try await cache.compareAndDelete("m", expected: other))
        }
    }

    @Test func `an expected value that cannot be stored equals none`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("n", 1.5)
            #expect(try await cache.compareAndSet("n", expected: Double.infinity, new: 2) == false)
            #expect(try await cache.compareAndDelete("n", expected: Double.nan) == false)
            #expect(try await cache.get("n", as: Double.self) == 1.5)
        }
    }

    /// Calls `onEncoding` when it is stored: between the look at what is there and the write.
    private struct Slow: Encodable, Sendable {
        let onEncoding: @Sendable () throws -> Void

        func encode(to encoder: any Encoder) throws {
            try onEncoding()
            var container = encoder.singleValueContainer()
            try container.encode(2)
        }
    }

    @Test func `what is invalidated while it is replaced does not come back`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1, tags: ["t"])
            let value = Slow {
                let time = try server("TIME").strings
                let stamp = time[0] + String(repeating: "0", count: 6 - time[1].count) + time[1]
                try server("SET", "{app}:tag:t", stamp, "PX", "600000")
            }
            _ = try await cache.replace("a", value, tags: ["t"])
            #expect(try server("EXISTS", "{app}:tag:t") == 1)
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `what is deleted while it is replaced does not come back, what is rewritten is replaced`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1)
            let isBack = try await cache.replace("a", Slow { try server("DEL", "app:a") })
            #expect(!isBack)
            #expect(try server("EXISTS", "app:a") == 0)
            try await cache.set("a", 1)
            // The second time it finds what it was made the first time.
            let isReplaced = try await cache.replace("a", Slow { try server("SET", "app:a", "7", "PX", "600000") })
            #expect(isReplaced)
            #expect(try await cache.get("a", as: Int.self) == 2)
        }
    }

    @Test func `an entry that is rewritten at every look is a conflict`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1)
            let value = Slow { try server("APPEND", "app:a", " ") }
            await expectError(.conflict) { try await cache.replace("a", value) }
            #expect(try await cache.exists("a") == 1)
        }
    }
}
