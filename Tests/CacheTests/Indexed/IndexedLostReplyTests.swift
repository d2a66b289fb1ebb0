import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T4: the link is cut before or after the server executed a script; it takes effect once.
@Suite struct IndexedLostReplyTests {
    private func withCut(
        _ script: RedisScript, executed: Bool,
        prepare: (IndexedCache) async throws -> Void = { _ in },
        _ body: (RedisServer, IndexedCache, IndexedCache) async throws -> Void
    ) async throws {
        try await withRedis { server, direct in
            try server("SCRIPT", "LOAD", script.source)
            let other = IndexedCache(direct, namespace: "n", options: .unhurried)
            try await prepare(other)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = IndexedCache(redis, namespace: "n", options: CacheOptions(timeout: .seconds(20)))
                    proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
                    try await body(server, cache, other)
                    #expect(proxy.faultDone.count == 1)
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func `a set is done once`(executed: Bool) async throws {
        try await withCut(IndexedScripts.set, executed: executed) { server, cache, _ in
            try await cache.set("a", 1, indexes: ["user": "alice"])
            #expect(try await cache.get("a") == 1)
            #expect(try await cache.allKeysByIndex("user", "alice") == ["a"])
            // One version: the repeated write found the first.
            #expect(try server("GETRANGE", "signalbox:indexed:{n}:item:a", "2", "2").string == "\u{1}")
        }
    }

    @Test(arguments: [true, false])
    func `a typed update counts once`(executed: Bool) async throws {
        try await withCut(IndexedScripts.revise, executed: executed) {
            try await $0.set("a", 1)
        } _: { _, cache, _ in
            let result = try await cache.update("a", as: Int.self) { $0 += 1 }
            #expect(result == 2)
            #expect(try await cache.get("a") == 2)
        }
    }

    @Test func `a write that took effect is not repeated over those of others`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", 1, indexes: ["user": "alice"])
            let keys = IndexedKeys(prefix: "signalbox", namespace: "n")
            let version = IndexedItem.newVersion()
            let head = Envelope(codec: CacheCodec.json).pieces(.init("7".utf8), .off)
            func repeatable() async throws {
                let _: Int64 = try await redis.evaluate(
                    IndexedScripts.set, keys: keys.keys(of: "a"),
                    arguments: [keys.root, "a", "", 1_000, "60000", version, "", head.head, head.tail])
            }
            try await repeatable()
            for other in 2...4 { try await cache.set("a", other) }
            try await repeatable()
            #expect(try await cache.get("a") == 4, "its version is still known")
            try await cache.set("a", 5)
            try await repeatable()
            #expect(try await cache.get("a") == 7, "after four others it is not")
        }
    }

    @Test(arguments: [true, false])
    func `a deletion and a new time to live are done once`(executed: Bool) async throws {
        try await withCut(IndexedScripts.delete, executed: executed) {
            try await $0.set("a", 1, indexes: ["user": "alice"])
        } _: { server, cache, _ in
            let deleted = try await cache.delete("a")
            #expect(deleted == !executed)
            #expect(try server("DBSIZE") == 0)
        }
        try await withCut(IndexedScripts.setTTL, executed: executed) {
            try await $0.set("a", 1, ttl: .after(.seconds(60)), indexes: ["user": "alice"])
        } _: { server, cache, _ in
            let isThere = try await cache.setTTL("a", .after(.seconds(500)))
            #expect(isThere)
            #expect(try server("PTTL", "signalbox:indexed:{n}:index:user:alice").int ?? 0 > 100_000)
        }
    }

    @Test func `a count whose reply was lost is told, not repeated`() async throws {
        try await withCut(IndexedScripts.increment, executed: true) { _, cache, other in
            await expectError(.unavailable) { try await cache.increment("a") }
            let count = try await other.increment("a")
            #expect(count == 2)
        }
        try await withCut(IndexedScripts.increment, executed: false) { _, cache, other in
            // It cannot be known that it never arrived.
            await expectError(.unavailable) { try await cache.increment("a") }
            let count = try await other.increment("a")
            #expect(count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `many are set once each, and a list is read`(executed: Bool) async throws {
        try await withCut(IndexedScripts.set, executed: executed) { _, cache, _ in
            try await cache.setMany(["a": 1, "b": 2]) { _, _ in ["user": "alice"] }
            #expect(try await cache.allByIndex("user", "alice", as: Int.self) == ["a": 1, "b": 2])
        }
        try await withCut(IndexedScripts.query, executed: executed) {
            try await $0.setMany(["a": 1, "b": 2]) { _, _ in ["user": "alice"] }
        } _: { _, cache, _ in
            let all = try await cache.allByIndex("user", "alice", as: Int.self)
            #expect(all == ["a": 1, "b": 2])
        }
    }
}
