import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct LocksTests {
    private let key = "signalbox:lock:{a}"

    @Test func `the scripts' hashes are the server's`() async throws {
        try await withRedis { server, _ in
            try server.load(
                LockScripts.acquire, LockScripts.renew, LockScripts.release, LockScripts.check, LockScripts.fencedSet,
                OnceScripts.claim, OnceScripts.renew, OnceScripts.release, OnceScripts.check, OnceScripts.finish,
                OnceScripts.forget)
        }
    }

    @Test func `one holder at a time, and the next after its release`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis)
            let first = try #require(try await locks.tryAcquire("a"))
            #expect(first.isTrusted)
            #expect(try await first.isHeld())
            #expect(try await locks.tryAcquire("a") == nil)
            #expect(try await first.release() == .released)
            #expect(!first.isTrusted)
            #expect(try await first.isHeld() == false)
            let second = try #require(try await locks.tryAcquire("a"))
            #expect(second.fencingToken > first.fencingToken)
            try await second.release()
        }
    }

    @Test func `the key is a plain string with the token and a time to live, the fence lies beside it`() async throws {
        try await withRedis { server, redis in
            let lease = try #require(try await Locks(redis).tryAcquire("a", ttl: .seconds(600)))
            #expect(try server("GET", key) == .bulk(Array(lease.core.token.text.utf8)))
            #expect((300_000...600_000).contains(try server("PTTL", key).int ?? 0))
            #expect(try server("HGET", key + ":fence", "last") == .bulk(Array("\(lease.fencingToken)".utf8)))
            #expect((try server("PTTL", key + ":fence").int ?? 0) > 29 * 86_400_000)
            try await lease.release()
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a cycle costs two round trips`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            try await locks.tryAcquire("warm")?.release()
            try server("CONFIG", "RESETSTAT")
            try await locks.acquire("a", ttl: .seconds(600)).release()
            #expect(try server.calls(of: "evalsha") == 2)
            #expect(try server.calls(of: "subscribe") == 0)
        }
    }

    @Test func `a second release finds what the first one did`() async throws {
        try await withRedis { _, redis in
            let lease = try await Locks(redis).acquire("a")
            async let one = lease.release()
            async let other = lease.release()
            #expect(try await (one, other) == (.released, .released))
            #expect(try await lease.release() == .released)
        }
    }

    @Test func `a release tells expired and taken over apart and changes nothing`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let one = try await locks.acquire("a")
            try server("DEL", key)
            #expect(try await one.release() == .expired)
            let other = try await locks.acquire("a")
            try server("SET", key, "somebody else", "PX", "600000")
            #expect(try await other.release() == .notOwner)
            #expect(try server("GET", key) == "somebody else")
        }
    }

    @Test func `the fence grows over releases, FLUSHALL and a counter from the future`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            var last: Int64 = 0
            for _ in 0..<20 {
                let lease = try await locks.acquire("a")
                #expect(lease.fencingToken > last)
                last = lease.fencingToken
                try await lease.release()
            }
            try server("FLUSHALL")
            let flushed = try await locks.acquire("a")
            #expect(flushed.fencingToken > last)
            try await flushed.release()
            let future = 9_000_000_000_000_001
            try server("HSET", key + ":fence", "last", "\(future)")
            let later = try await locks.acquire("a")
            #expect(later.fencingToken == Int64(future) + 1)
            try await later.release()
        }
    }

    @Test func `an acquisition repeated with its token gets the same fence`() async throws {
        try await withRedis { _, redis in
            func acquire(_ token: String) async throws -> Int64 {
                try await redis.evaluate(
                    LockScripts.acquire, keys: ["x:{a}", "x:{a}:fence"], arguments: [token, 600_000, LifeOfKeys.fence])
            }
            let fence = try await acquire("mine")
            #expect(try await acquire("mine") == fence)
            #expect(try await acquire("other") < 0)
        }
    }

    @Test func `extend sets the time to live and an ended lease cannot be extended`() async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis).acquire("a", ttl: .seconds(50))
            try await lease.extend(by: .seconds(600))
            #expect((try server("PTTL", key).int ?? 0) > 300_000)
            #expect(lease.trustedUntil > .now + .seconds(300))
            try server("DEL", key)
            await expectError(.lockLost) { try await lease.extend(by: .seconds(60)) }
            #expect(lease.loss == .expired)
            #expect(throws: CoordinationError.self) { try lease.checkValid() }
            let next = try await Locks(redis).acquire("a")
            try await next.release()
            await expectError(.lockNotHeld) { try await next.extend(by: .seconds(60)) }
            await expectError(.lockNotHeld) { try next.checkValid() }
        }
    }

    @Test func `a fenced write refuses an older holder`() async throws {
        try await withRedis(.init(checksLeaks: true)) { server, redis in
            let locks = Locks(redis)
            let old = try await locks.acquire("a")
            try server("DEL", key)
            let new = try await locks.acquire("a")
            #expect(try await new.fencedSet("new", to: "stock:7", expiry: .seconds(60)))
            #expect(try await old.fencedSet("old", to: "stock:7", expiry: .seconds(60)) == false)
            #expect(try await new.fencedSet("newer", to: "stock:7", expiry: .seconds(60)))
            #expect(try server("GET", "stock:7") == "newer")
            try await old.release()
            try await new.release()
        }
    }

    @Test func `locks of different databases and prefixes are different locks`() async throws {
        try await withRedis { server, redis in
            var other = server.configuration
            other.database = 1
            var third = server.configuration
            third.prefix = "elsewhere"
            let lease = try await Locks(redis).acquire("a")
            for configuration in [other, third] {
                try await withClient(configuration) { redis in
                    let lease = try #require(try await Locks(redis).tryAcquire("a"))
                    #expect(try await lease.release() == .released)
                }
            }
            try await lease.release()
        }
    }

    @Test func `a key of another type is an error that says so, not a lock that is held`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["signalbox:lock:{a}"])) { server, redis in
            try server("RPUSH", key, "x")
            let error = await expectError(.unavailable) { try await Locks(redis).tryAcquire("a") }
            #expect((error?.underlying as? RedisError)?.code == .wrongType)
        }
    }

    @Test func `a dropped lease is no longer renewed`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            do {
                let lease = try await locks.acquire("a", ttl: .seconds(600))
                #expect(lease.isTrusted)
            }
            #expect(locks.engine.renewals.count == 0)
            try server("PEXPIRE", key, "300")
            // If it were still looked after, it would get its ten minutes back.
            locks.engine.renewals.hurry()
            try await eventually("the key is gone") { try server("EXISTS", key) == 0 }
        }
    }
}
