import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: the flaws of the requirement documents in values, writes and outages of a cache, one test each.
///
/// Setting many is in `SetManySeedTests`, keys and patterns are in `CacheKeySeedTests` and `ScanTests`, lives in
/// `TTLTests`, counters in `CounterTests` and `CountersTests`, loads in `RememberSeedTests`, invalidation in
/// `InvalidationSeedTests`, the store in `RedisKeyValueStoreTests`, sessions, codes and indexes in suites of their own.
@Suite struct CacheSeedTests {
    @Test func `seed 001: mget gave back text instead of values`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let users = ["user:1": User(id: 1, name: "Ada", tags: ["x"]), "user:2": User(id: 2, name: "Bob")]
            try await cache.setMany(users)
            // Typed, as a single read; what is missing is absent and no empty value.
            #expect(try await cache.getMany(["user:1", "user:2", "user:3"]) == users)
            for (key, user) in users { #expect(try await cache.get(key) == user) }
            try await cache.set("user:3", "text")
            await expectError(.undecodable) { try await cache.getMany(["user:1", "user:3"], as: User.self) }
        }
    }

    @Test func `seed 001: the JSON serializer stored strings raw, and text passed for values`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for text in ["42", "true", "null", "\"quoted\"", #"{"id":1,"name":"Ada","tags":[]}"#, "", "é\n\0"] {
                try await cache.set("text", text)
                #expect(try await cache.get("text") == text)
                await expectError(.undecodable) { try await cache.get("text", as: Int.self) }
                await expectError(.undecodable) { try await cache.get("text", as: User.self) }
                #expect(try await cache.getMany(["text"], as: String.self) == ["text": text])
            }
            try await cache.set("number", 42)
            try await cache.set("list", ["42"])
            await expectError(.undecodable) { try await cache.get("number", as: String.self) }
            await expectError(.undecodable) { try await cache.get("list", as: String.self) }
            #expect(try await cache.get("list") == ["42"])
        }
    }

    @Test func `seed 001: TTL leaked −1 and −2 as times`() async throws {
        try await withRedis(.init()) { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("for ever", 1, ttl: .never)
            try await cache.set("for long", 1, ttl: .after(.seconds(100)))
            for (key, isTimed) in [("none", false), ("for ever", false), ("for long", true)] {
                if case .remaining(let left) = try await cache.ttl(key) {
                    #expect(isTimed && left > .zero)
                } else {
                    #expect(!isTimed)
                }
            }
            #expect(CacheTTLState(milliseconds: -2) == .missing)
            #expect(CacheTTLState(milliseconds: -1) == .never)
            #expect(CacheTTLState(milliseconds: 0) == .remaining(.zero))
        }
    }

    @Test func `seed 002: increments, additions and take-outs were repeated blindly after an error`() async throws {
        try await withRedis { server, _ in
            try server.load(VerbTrial.scripts)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                    proxy.set(.cutBeforeReply(match: CounterScripts.increment.sha))
                    let error = await expectError(.unavailable) { try await cache.increment("n") }
                    #expect(error?.isEffectUnknown == true)
                    let sum: Int? = try await cache.get("n")
                    #expect(sum == 1)
                    proxy.set(.cutBeforeReply(match: CacheScripts.set(isConditional: true).sha))
                    await expectError(.unavailable) { try await cache.add("a", 1) }
                    #expect(try await cache.get("a") == 1)
                    proxy.set(.cutBeforeReply(match: "GETDEL"))
                    await expectError(.unavailable) { try await cache.getAndDelete("a", as: Int.self) }
                    #expect(proxy.commands(containing: "GETDEL") == 1)
                }
            }
        }
    }

    @Test func `seed 002: what may be repeated was not, and failed`() async throws {
        try await withRedis { server, _ in
            try server.load(VerbTrial.scripts)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .seconds(20)))
                    proxy.set(.cutBeforeReply(match: CacheScripts.set(isConditional: false).sha))
                    try await cache.set("a", 1)
                    proxy.set(.cutBeforeReply(match: "MGET"))
                    #expect(try await cache.get("a") == 1)
                    try await proxy.faultDone.wait(count: 2)
                }
            }
        }
    }

    @Test func `seed 003: a program ended when Redis was away at its start`() async throws {
        try await withRedis { server, _ in
            await server.kill()
            try await withClient(server.configuration) { redis in
                let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .milliseconds(100)))
                let missing: Int? = try await cache.get("a")
                #expect(missing == nil)
                #expect(try await cache.remember("a") { 1 } == 1)
                await expectError(.unavailable) { try await cache.set("a", 2) }
                try await server.start()
                try await eventually("the same cache works") {
                    do {
                        try await cache.set("a", 3)
                        return true
                    } catch let error as CacheError where error.code == .unavailable {
                        return false
                    }
                }
                #expect(try await cache.with { $0.timeout = .seconds(60) }.get("a") == 3)
            }
        }
    }
}
