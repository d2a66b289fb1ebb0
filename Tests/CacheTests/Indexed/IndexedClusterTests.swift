import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct IndexedClusterTests {
    @Test(arguments: [
        ("MOVED 12182 127.0.0.1:7001", RedisError.Code.moved), ("ASK 12182 127.0.0.1:7001", .ask),
        ("CROSSSLOT Keys in request don't hash to the same slot", .crossSlot),
    ])
    func `what only a cluster says is no missing item`(answer: String, code: RedisError.Code) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
                    // Connected; the default policy is open.
                    let before = try await cache.get("a", as: Int.self)
                    #expect(before == nil)
                    let reads: [() async throws -> Void] = [
                        { _ = try await cache.get("a", as: Int.self) }, { _ = try await cache.getRaw("a") },
                        { _ = try await cache.getMany(["a", "b"], as: Int.self) }, { _ = try await cache.exists("a") },
                    ]
                    for read in reads {
                        proxy.set(.garbage([UInt8]("-\(answer)\r\n".utf8)))
                        let error = await expectError(.unavailable, read)
                        #expect((error?.underlying as? RedisError)?.code == code)
                    }
                }
            }
        }
    }
}
