import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// Clearing a namespace leaves its stamp until it is reaped.
private let clearing = RedisServerOptions(checksLeaks: true, immortalKeyPrefixes: ["{myapp"])

@Suite struct `Remember with a near cache` {
    @Test func `answers without Redis what it has, and that there is nothing`() async throws {
        try await withTwo { server, redis, _ in
            // That there is nothing is known for as long as the test takes.
            let cache = try await RedisCache.near(redis).with { $0.remember.negativeTTL = .seconds(600) }
            let loads = Number()
            let value: @Sendable () async throws -> String? = {
                loads.value += 1
                return "v"
            }
            let nothing: @Sendable () async throws -> String? = {
                loads.value += 1
                return nil
            }
            for (key, load) in [("some", value), ("none", nothing)] {
                try await eventually("kept") {
                    _ = try await cache.remember(key, load)
                    return cache.figures.entries == (key == "some" ? 1 : 2)
                }
            }
            // The news of the store may have come last of all.
            let calls = try server.calls(of: "mget")
            var before = cache.figures.hits
            try await eventually("kept for good") {
                let hits = cache.figures.hits - before
                before = cache.figures.hits
                let some = try await cache.remember("some", value)
                let none = try await cache.remember("none", nothing)
                #expect(some == "v" && none == nil)
                return hits == 2
            }
            #expect(loads.value == 2)
            #expect(try server.calls(of: "mget") - calls < 10)
            #expect(try await cache.rememberWithOrigin("some", value).origin == .cache)
        }
    }

    @Test func `loads again after an invalidation of this process, at once`() async throws {
        try await withTwo(clearing) { _, redis, _ in
            let cache = try await RedisCache.near(redis)
            let users = cache.namespace("users")
            for round in 0..<50 {
                let load: @Sendable () async throws -> Int = { round }
                #expect(try await users.remember("1", tags: ["staff"], load) == round)
                #expect(try await users.remember("1", tags: ["staff"], load) == round)
                switch round % 4 {
                case 0: try await cache.invalidate(tags: "staff")
                case 1: try await users.clear()
                case 2: try await cache.clear()
                default: try await users.delete("1")
                }
            }
        }
    }

    @Test func `loads again after an invalidation of another process`() async throws {
        try await withTwo(clearing) { _, one, other in
            let cache = try await RedisCache.near(one)
            let elsewhere = RedisCache(other, prefix: "myapp", options: .unhurried)
            let current = Number()
            let load: @Sendable () async throws -> Int = { current.value }
            for round in 1...20 {
                current.value = round
                switch round % 3 {
                case 0: try await elsewhere.invalidate(tags: "staff")
                case 1: try await elsewhere.clear()
                default: try await elsewhere.delete("k")
                }
                try await eventually("loaded again") { try await cache.remember("k", tags: ["staff"], load) == round }
            }
        }
    }
}

/// One number, read and written by several tasks.
private final class Number: Sendable {
    private let number = Mutex(0)

    var value: Int {
        get { number.withLock { $0 } }
        set { number.withLock { $0 = newValue } }
    }
}
