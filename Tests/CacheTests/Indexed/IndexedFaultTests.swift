import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct IndexedFaultTests {
    @Test(arguments: [Nemesis.readOnly, .withoutReplicas, .outOfMemory])
    func `a server that takes no writes is an outage, and no value of another kind`(nemesis: Nemesis) async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            #expect(try await cache.increment("n") == 1)
            try await cache.set("text", "v")
            try await cache.set("object", ["a": 0])
            try await nemesis.strike(server) {
                await expectError(.unavailable) { try await cache.increment("n") }
                await expectError(.unavailable) { try await cache.increment("new") }
                await expectError(.unavailable) { try await cache.set("text", "w") }
                await expectError(.unavailable) { try await cache.update("object", ["a": 1]) }
                let value: String? = try await cache.get("text")
                #expect(value == "v")
            }
            #expect(try await cache.increment("n") == 2)
            #expect(try await cache.increment("new") == 1)
            await expectError(.wrongType) { try await cache.increment("text") }
            try await cache.increment("n", by: .max - 2)
            await expectError(.wrongType) { try await cache.increment("n") }
        }
    }
}
