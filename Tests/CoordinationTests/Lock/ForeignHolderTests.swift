import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// The recipe of requirements 002 and 003, as a program in any language sends it.
private struct ForeignLock {
    let server: RedisServer
    let token: String

    func acquire(_ key: String, milliseconds: Int = 600_000) throws -> Bool {
        try server("SET", key, token, "NX", "PX", "\(milliseconds)") == .status("OK")
    }

    func release(_ key: String) throws -> Bool {
        let script = """
            if redis.call("get", KEYS[1]) == ARGV[1] then
                return redis.call("del", KEYS[1])
            else
                return 0
            end
            """
        return try server("EVAL", script, "1", key, token) == 1
    }
}

@Suite struct ForeignHolderTests {
    @Test func `a foreign holder excludes us and we exclude it`() async throws {
        try await withRedis { server, redis in
            let foreign = ForeignLock(server: server, token: "uuid-of-another-program")
            let locks = Locks(redis, keys: .plain(prefix: "lock"))
            #expect(try foreign.acquire("lock:order-123"))
            #expect(try await locks.tryAcquire("order-123") == nil)
            #expect(try foreign.release("lock:order-123"))
            let lease = try #require(try await locks.tryAcquire("order-123"))
            #expect(try foreign.acquire("lock:order-123") == false)
            #expect(try foreign.release("lock:order-123") == false)
            #expect(try await lease.isHeld())
            #expect(try await lease.release() == .released)
            #expect(try foreign.acquire("lock:order-123"))
            #expect(try await lease.release() == .released)
            #expect(try server("GET", "lock:order-123") == "uuid-of-another-program")
        }
    }

    @Test func `the standard key keeps the recipe too`() async throws {
        try await withRedis { server, redis in
            let foreign = ForeignLock(server: server, token: "t")
            let lease = try await Locks(redis).acquire("a")
            #expect(try foreign.acquire("signalbox:lock:{a}") == false)
            try await lease.release()
            #expect(try foreign.acquire("signalbox:lock:{a}"))
            #expect(try await Locks(redis).tryAcquire("a") == nil)
            #expect(try foreign.release("signalbox:lock:{a}"))
        }
    }

    /// Such a program announces nothing: the end of its time to live is known and has to do.
    @Test func `a foreign holder that lets its lock expire is followed without a message`() async throws {
        try await withRedis { server, redis in
            let foreign = ForeignLock(server: server, token: "t")
            #expect(try foreign.acquire("lock:a", milliseconds: 300))
            let lease = try await Locks(redis, keys: .plain(prefix: "lock")).acquire("a", wait: .seconds(120))
            #expect(try await lease.release() == .released)
        }
    }

    /// The recipe's release announces nothing, and its time to live may be far away.
    @Test func `a foreign release without a message is noticed after the longest sleep`() async throws {
        try await withRedis { server, redis in
            let foreign = ForeignLock(server: server, token: "t")
            #expect(try foreign.acquire("lock:a", milliseconds: 600_000))
            let room = WaitRoom(redis, longestSleep: .milliseconds(50))
            let request = try LockRequest(Locks(redis, keys: .plain(prefix: "lock")), "a", ttl: .seconds(30))
            let attempts = TestSignal("attempts")
            let waiter = Task {
                try await room.wait(on: request.wakeChannel, until: nil) { () async throws -> WaitRoom.Verdict<Lease> in
                    defer { attempts.fire() }
                    switch try await request.attempt(timeout: nil) {
                    case .granted(let lease): return .granted(lease, holdsFor: .seconds(30))
                    case .held(let left): return .denied(left: left)
                    case .tooLate: return .denied(left: .zero)
                    }
                }
            }
            try await attempts.wait(count: 3, within: .seconds(60))
            #expect(try foreign.release("lock:a"))
            let lease = try #require(try await waiter.value)
            #expect(try await lease.release() == .released)
            try await eventually("unsubscribed") { room.isIdle }
        }
    }

    @Test func `a foreign take-over of our key is found at the next renewal`() async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis, keys: .plain(prefix: "lock")).acquire("a", ttl: .seconds(600))
            try server("SET", "lock:a", "stolen", "PX", "600000")
            #expect(try await lease.lossByRenewal() == .takenOver)
            #expect(try await lease.release() == .notOwner)
            #expect(try server("GET", "lock:a") == "stolen")
        }
    }
}
