import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What counts as an attempt, and how much one claim takes.
@Suite struct ExpirySweeperAttemptTests {
    /// Longer than any machine stands still.
    private static let options = ExpirySweeperOptions(lease: .seconds(3_600), concurrency: 1)

    @Test func `what is given back untold at a shutdown was no attempt`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            for key in ["a", "b"] { try await cache.set(key, "v") }
            try await cache.expire("a", "b")
            let began = TestSignal("a handler runs")
            let mayEnd = TestSignal("the handler may end")
            let slow = try ExpirySweeper(cache, options: Self.options) { _ in
                began.fire()
                try await mayEnd.wait(within: .seconds(60))
            }
            let rest = Rest(ContinuousClock())
            let claimed = try await ExpiryClaim.take(cache, Self.options).entries
            #expect(claimed.count == 2)
            let task = Task { await slow.tell(claimed, rest) }
            try await began.wait(within: .seconds(60))
            rest.stop()
            let told = Told()
            let other = try ExpirySweeper(cache, options: Self.options) { told.note($0) }
            try await eventually("the other end is told") {
                try await other.sweep()
                return told.all.count == 1
            }
            #expect(told.all.map(\.attempt) == [1])
            mayEnd.fire()
            #expect(await task.value == 1)
            #expect(try server("EXISTS", "signalbox:indexed:{n}:attempts") == 0)
        }
    }

    @Test func `giving back twice counts once, and not for who claimed it since`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.set("a", "v")
            try await cache.expire("a")
            func claim() async throws -> ExpiredEntry {
                try #require(try await ExpiryClaim.take(cache, Self.options).entries.first)
            }
            func giveBack(_ entry: ExpiredEntry, untold: String) async throws -> Int {
                try await redis.evaluate(
                    ExpiryScripts.hold, keys: cache.keys.expiry,
                    arguments: [cache.keys.root, 0, entry.event, entry.claim, untold])
            }
            let first = try await claim()
            #expect(first.claim == 1 && first.attempt == 1)
            // As after a lost reply.
            for _ in 0..<2 { #expect(try await giveBack(first, untold: "1") == 1) }
            let second = try await claim()
            #expect(second.claim == 2 && second.attempt == 1)
            #expect(try await giveBack(first, untold: "1") == 0, "it is somebody else's now")
            // Its handler failed: that was an attempt.
            #expect(try await giveBack(second, untold: "") == 1)
            let third = try await claim()
            #expect(third.claim == 3 && third.attempt == 2)
        }
    }

    @Test func `a claim takes few large values, at least one, and the sweep goes on at once`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let keys = ["a", "b", "c", "d", "e"]
            for key in keys { try await cache.set(key, "v") }
            // Two are together beyond the limit, and each of the last two is so alone.
            for (key, size) in zip(keys, [3_000_000, 3_000_000, 3_000_000, 5_000_000, 5_000_000]) {
                try server("SETRANGE", "signalbox:indexed:{n}:kept:\(key)", "\(size)", "x")
            }
            try await cache.expire("a", "b", "c", "d", "e")
            let claim = try await ExpiryClaim.take(cache, Self.options)
            #expect(claim.entries.count == 1)
            #expect(claim.hasMore)
            let told = Told()
            #expect(try await ExpirySweeper(cache, options: Self.options) { told.note($0) }.sweep() == 4)
            #expect((told.keys + claim.entries.map(\.key)).sorted() == keys)
        }
    }

    @Test func `small values are claimed by the batch`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            for key in ["a", "b", "c"] { try await cache.set(key, "v") }
            try await cache.expire("a", "b", "c")
            let claim = try await ExpiryClaim.take(cache, Self.options)
            #expect(claim.entries.map(\.attempt) == [1, 1, 1])
            #expect(!claim.hasMore)
        }
    }
}
