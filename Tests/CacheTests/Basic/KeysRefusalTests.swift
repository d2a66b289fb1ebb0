import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What `exists` and `rename` say when the server refuses a part of them, and whom `rename` wakes.
@Suite struct KeysRefusalTests {
    @Test func `a question for keys that is refused is thrown, and counted`() async throws {
        try await withMetrics { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            try stage.server("ACL", "SETUSER", "default", "-getrange")
            await expectError(.unavailable) { try await cache.exists("a", "b") }
            #expect(stage.counts == ["cache.writes": 1, "cache.failures": 1])
            try stage.server("ACL", "SETUSER", "default", "+getrange", "-mget")
            await expectError(.unavailable) { try await cache.existing(["a"]) }
            #expect(stage.counts["cache.failures"] == 2)
            try stage.server("ACL", "SETUSER", "default", "+mget")
            #expect(try await cache.existing(["a", "b"]) == ["a"])
        }
    }

    @Test func `a key of another type is no failure of those beside it`() async throws {
        try await withMetrics { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            try stage.server("RPUSH", "app:list", "x")
            #expect(try await cache.existing(["list", "a"]) == ["a"])
            #expect(stage.counts == ["cache.writes": 1])
        }
    }

    @Test func `a rename that is refused changes nothing, and is counted`() async throws {
        try await withMetrics { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            try stage.server("ACL", "SETUSER", "default", "-rename")
            let error = await expectError(.unavailable) { try await cache.rename("a", to: "b") }
            #expect(error?.isEffectUnknown == false)
            #expect(stage.counts == ["cache.writes": 1, "cache.failures": 1])
            #expect(try stage.server("EXISTS", "app:a") == 1)
            // None to rename is an answer.
            try stage.server("ACL", "SETUSER", "default", "+rename")
            #expect(try await cache.rename("none", to: "b") == false)
            #expect(stage.counts["cache.failures"] == 1)
        }
    }

    @Test func `a rename beside which loads could not be ended says that it may be done`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("a", 1)
            try server("ACL", "SETUSER", "default", "-del")
            let error = await expectError(.unavailable) { try await cache.rename("a", to: "b") }
            #expect(error?.isEffectUnknown == true)
            #expect(try server("EXISTS", "app:b") == 1)
        }
    }

    @Test func `a rename wakes those who wait for loads of either key`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let old = try await redis.subscribe(channels: ["{app:a}:fill:wake:0"])
            let new = try await redis.subscribe(channels: ["{app:b}:fill:wake:0"])
            try await cache.set("a", 1)
            // Whoever loads now waits for nobody.
            for key in ["a", "b"] { try server("SET", "{app:\(key)}:fill", "token", "PX", "60000") }
            #expect(try await cache.rename("a", to: "b"))
            // Published now or never: what is asked for later comes later.
            for key in ["a", "b"] { try server("PUBLISH", "{app:\(key)}:fill:wake:0", "the end") }
            for wakes in [old, new] {
                guard case .message(let first)? = await wakes.nextBatch(max: 1)?.first else {
                    Issue.record("nobody was woken")
                    return
                }
                #expect(first.payload.isEmpty)
            }
            await old.cancel()
            await new.cancel()
        }
    }

    @Test func `a user without channels renames`() async throws {
        try await withRedis { server, redis in
            try server("ACL", "SETUSER", "ada", "on", ">pw", "~*", "resetchannels", "+@all")
            var configuration = server.configuration
            configuration.username = "ada"
            configuration.password = Secret("pw")
            try await withClient(configuration) { other in
                let cache = RedisCache(other, prefix: "app", options: .unhurried)
                try await cache.set("a", 1)
                #expect(try await cache.rename("a", to: "b"))
                let value: Int? = try await cache.get("b")
                #expect(value == 1)
            }
        }
    }
}
