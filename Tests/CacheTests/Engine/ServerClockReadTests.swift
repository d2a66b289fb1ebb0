import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// The server's time may be forgotten, or become too old, while a reply is on its way.
@Suite struct ServerClockReadTests {
    /// Has a call answered after its client forgot the server's time, of which it knew when it asked.
    private func answered<T: Sendable>(
        _ body: @escaping @Sendable (RedisCache) async throws -> T, _ check: (T, RedisServer) async throws -> Void
    ) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                    // With a time until which it is fresh, and the server's time learnt.
                    #expect(try await cache.remember("a", ttl: .after(.seconds(600))) { 1 } == 1)
                    #expect(try await cache.get("a") == 1)
                    let sent = proxy.commands(containing: "app:a")
                    proxy.set(.hold)
                    let call = Task { try await body(cache) }
                    try await eventually("it was asked") { proxy.commands(containing: "app:a") > sent }
                    cache.engine.forgetTime()
                    proxy.set(.pass)
                    try await check(try await call.value, server)
                }
            }
        }
    }

    @Test func `a value that is fresh stays so`() async throws {
        try await answered {
            try await $0.get("a", as: Int.self)
        } _: { value, _ in
            #expect(value == 1)
        }
        try await answered {
            try await $0.getMany(["a"], as: Int.self)
        } _: { values, _ in
            #expect(values == ["a": 1])
        }
        try await answered {
            try await $0.exists("a")
        } _: { count, _ in
            #expect(count == 1)
        }
    }

    @Test func `it is not loaded again`() async throws {
        try await answered {
            try await $0.remember("a") { 2 }
        } _: { value, _ in
            #expect(value == 1)
        }
    }

    @Test func `nothing is added in its place`() async throws {
        try await answered {
            try await $0.add("a", 2)
        } _: { isAdded, server in
            #expect(!isAdded)
            let stored = try server("GET", "app:a").string
            #expect(stored?.hasSuffix("1") == true)
        }
    }
}
