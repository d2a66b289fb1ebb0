import Logging
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// What the server does not let its user do.
@Suite struct RefusalTests {
    @Test func `reads that are refused are counted each, and logged once per change`() async throws {
        try await withMetrics { stage in
            let lines = LogLines()
            let cache = RedisCache(stage.client(logger: lines.logger), prefix: "app", options: .unhurried)
            try stage.server("ACL", "SETUSER", "default", "-mget")
            for _ in 0..<20 {
                #expect(try await cache.get("a", as: Int.self) == nil)
                try await cache.set("b", 1)
            }
            #expect(stage.counts == ["cache.failures": 20, "cache.writes": 20])
            #expect(!cache.engine.isOpen)
            #expect(lines.count(of: "cache: Redis refuses calls") == 1)
            #expect(lines.all.count { $0.text.contains("noPermission") && $0.level == .warning } == 1)
            cache.engine.calls.withLock { $0.refusals.calm = .zero }
            try stage.server("ACL", "SETUSER", "default", "+mget")
            for _ in 0..<3 { #expect(try await cache.get("b", as: Int.self) == 1) }
            #expect(lines.count(of: "cache: Redis takes calls again") == 1)
            #expect(stage.counts["cache.failures"] == 20)
        }
    }

    /// No channel may be published to: nobody is woken, and nothing else changes.
    private func withoutChannels(_ body: (RedisServer, RedisCache) async throws -> Void) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server("ACL", "SETUSER", "ada", "on", ">pw", "~*", "resetchannels", "+@all")
            var configuration = server.configuration
            configuration.username = "ada"
            configuration.password = Secret("pw")
            try await withClient(configuration) { redis in
                try await body(server, RedisCache(redis, prefix: "app", options: .unhurried))
            }
        }
    }

    /// Somebody loads the entry, and others may wait for that.
    private func lease(_ key: String, _ cache: RedisCache, _ server: RedisServer) throws {
        try server("SET", CacheKeys.lease(of: cache.entry(key, "test")).name, "token", "PX", "60000")
    }

    @Test func `a user without channels takes a value out`() async throws {
        try await withoutChannels { server, cache in
            try await cache.set("a", 5)
            try lease("a", cache, server)
            #expect(try await cache.getAndDelete("a", as: Int.self) == 5)
            #expect(try await cache.exists("a") == 0)
        }
    }

    @Test func `a user without channels sets, replaces and deletes`() async throws {
        try await withoutChannels { server, cache in
            try lease("a", cache, server)
            try await cache.set("a", 1)
            try lease("a", cache, server)
            #expect(try await cache.compareAndSet("a", expected: 1, new: 2))
            #expect(try await cache.get("a", as: Int.self) == 2)
            try lease("a", cache, server)
            #expect(try await cache.compareAndDelete("a", expected: 2))
            try await cache.set("a", 3)
            try lease("a", cache, server)
            #expect(try await cache.delete("a") == 1)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `a user without channels remembers, and gives a failed load's lease back`() async throws {
        try await withoutChannels { server, cache in
            let loaded = try await cache.remember("a") { 7 }
            #expect(loaded == 7)
            #expect(try await cache.get("a", as: Int.self) == 7)
            await #expect(throws: Source.Failure()) {
                try await cache.remember("b") { () -> Int in throw Source.Failure() }
            }
            // Not its token any more: for a moment nobody loads.
            let lease = try server("GET", CacheKeys.lease(of: cache.entry("b", "test")).name).string
            #expect(lease?.hasPrefix("!") != false)
        }
    }

    @Test func `a user without channels ends a write through the cache`() async throws {
        try await withoutChannels { server, cache in
            let entry = try cache.entry("a", "test")
            let keys = [entry, CacheKeys.lease(of: entry), RedisKey("{app:a}:writers")]
            for bytes in ["", "value"] {
                try lease("a", cache, server)
                let written = try await cache.engine.redis.evaluate(
                    WriteScripts.finish, keys: keys, arguments: ["token", bytes, "60000", ":wake"], as: Int.self)
                #expect(written == (bytes.isEmpty ? 0 : 1))
            }
        }
    }

    @Test func `a value taken out without its stamps is gone, and the error says that it may be`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1)
            try server("ACL", "SETUSER", "default", "-mget")
            let error = await expectError(.unavailable) { try await cache.getAndDelete("a", as: Int.self) }
            #expect(error?.isEffectUnknown == true)
            #expect(try server("EXISTS", "app:a") == 0)
            // What was not there is a miss.
            #expect(try await cache.getAndDelete("a", as: Int.self) == nil)
            try server("ACL", "SETUSER", "default", "-getdel")
            let refused = await expectError(.unavailable) { try await cache.getAndDelete("a", as: Int.self) }
            #expect(refused?.isEffectUnknown == false)
        }
    }

    @Test func `reads throw on a cluster, whatever the policy, and say why`() async throws {
        try await withClusterServer { _, configuration in
            try await withClient(configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                let reads: [() async throws -> Void] = [
                    { _ = try await cache.get("a", as: Int.self) }, { _ = try await cache.get("a", default: 1) },
                    { _ = try await cache.getMany(["a", "b"], as: Int.self) },
                    { _ = try await cache.remember("a") { 1 } },
                ]
                for read in reads {
                    let error = await expectError(.unavailable, read)
                    #expect(error?.message.contains("need a server without cluster mode") == true)
                }
                guard case .unavailable = try await cache.lookup("a", as: Int.self) else {
                    Issue.record("the lookup found something else")
                    return
                }
            }
        }
    }

    @Test(arguments: [
        ("9223372036854775807", "0"), ("-1", "0"), ("1", "1000000"), ("1", "-1"), ("4398046511104", "0"),
    ])
    func `a time that no clock shows is none`(seconds: String, rest: String) {
        let reply = RedisValue.array([.bytes([UInt8](seconds.utf8)), .bytes([UInt8](rest.utf8))])
        #expect(RedisClient.microseconds(reply) == nil)
        let good = RedisValue.array([.bytes([UInt8]("1700000000".utf8)), .bytes([UInt8]("999999".utf8))])
        #expect(RedisClient.microseconds(good) == 1_700_000_000_999_999)
    }

    @Test func `a time that no clock shows is not taken for the server's`() async throws {
        try await withRedis { _, redis in
            let engine = CacheEngine.of(redis)
            for time in [Int64.max, 1 << 62, -1, .min] {
                engine.note(serverTime: time, sentAt: CacheEngine.localTime)
                #expect(engine.serverTime == nil && engine.latestServerTime == 0)
            }
        }
    }
}
