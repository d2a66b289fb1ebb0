import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T2 for locks: after each fault somebody acquires again, and nothing without a time to live is left.
@Suite struct NemesisTests {
    private let key = "signalbox:lock:{a}"

    /// A fault while one holds and one waits; afterwards both end well, in whatever order.
    private func survive(
        persistent: Bool = false, _ fault: (RedisServer, Lease) async throws -> Void
    ) async throws {
        try await withRedis(.init(persistent: persistent, checksLeaks: true)) { server, redis in
            try await withClient(server.configuration) { other in
                let held = try await Locks(redis).acquire("a", ttl: .seconds(600))
                let waiter = Task {
                    try await Locks(other).acquire("a", ttl: .seconds(600), wait: .seconds(120))
                }
                try await eventually("the waiter listens") { try server.listeners(key + ":wake:0") == 1 }
                try await fault(server, held)
                // A lease that survived is released; one that was lost must not stand in the way.
                let outcome = try await held.releaseInsisting()
                let next = try await waiter.value
                #expect(next.fencingToken > held.fencingToken)
                #expect(next.isTrusted)
                if held.loss == nil { #expect(outcome == .released) }
                #expect(try await next.releaseInsisting() == .released)
                try await Locks(redis).withLock("a", wait: .seconds(120)) { try $0.checkValid() }
            }
        }
    }

    @Test func `the server is stopped and goes on within the time to live`() async throws {
        try await survive { server, lease in
            server.pause()
            server.resume()
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
        }
    }

    @Test func `the server is stopped for longer than the time to live`() async throws {
        var loss: LeaseLoss?
        // On a machine that stands still before the stop the lease may have ended in another way: once more then.
        for _ in 0..<10 where loss != .unconfirmed {
            try await survive { server, lease in
                // From here on it is short, and the waiter is told.
                try? await lease.extend(by: .milliseconds(600))
                try server("PUBLISH", key + ":wake:0", "")
                server.pause()
                loss = await lease.waitUntilLost()
                server.resume()
            }
        }
        #expect(loss == .unconfirmed)
    }

    @Test func `the server is killed and forgets everything`() async throws {
        try await survive { server, lease in
            try await server.restart()
            // Found out by asking after the reconnect, not by a renewal that is minutes away. The waiter may be first.
            let loss = await lease.waitUntilLost()
            #expect(loss == .expired || loss == .takenOver)
        }
    }

    @Test func `the server is killed and remembers`() async throws {
        try await survive(persistent: true) { server, lease in
            try await server.restart()
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
            #expect(lease.loss == nil)
        }
    }

    @Test func `the data is flushed`() async throws {
        try await survive { server, lease in
            try server("FLUSHALL")
            let loss = try await lease.lossByRenewal()
            #expect(loss == .expired || loss == .takenOver)
        }
    }

    @Test func `the scripts are flushed`() async throws {
        try await survive { server, lease in
            try server("SCRIPT", "FLUSH")
            let trust = lease.trustedUntil
            lease.renewNow()
            try await eventually("renewed with the source") { lease.trustedUntil > trust }
        }
    }

    @Test(arguments: ["normal", "pubsub"])
    func `connections are killed`(type: String) async throws {
        try await survive { server, lease in
            try server("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes")
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
        }
    }

    /// The release is announced while the waiter's subscription is down.
    @Test func `a release during a gap still reaches the waiter`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(server.configuration) { holder in
                    try await withClient(proxy.configuration) { redis in
                        let held = try await Locks(holder).acquire("a", ttl: .seconds(600))
                        let waiter = Task { try await Locks(redis).acquire("a", ttl: .seconds(600)) }
                        try await eventually("listening") { try server.listeners(key + ":wake:0") == 1 }
                        proxy.set(.refuse)
                        proxy.cut()
                        try await eventually("deaf") { try server.listeners(key + ":wake:0") == 0 }
                        try await held.release()
                        proxy.set(.pass)
                        let lease = try await waiter.value
                        #expect(try await lease.release() == .released)
                    }
                }
            }
        }
    }

    @Test func `the server is busy for a while`() async throws {
        try await survive { server, lease in
            try server("DEBUG", "SLEEP", "0.3")
            try lease.checkValid()
        }
    }

    @Test func `the server is out of memory: acquiring is an error, not a lock that is held`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            let error = await expectError(.unavailable) { try await Locks(redis).tryAcquire("a") }
            #expect((error?.underlying as? RedisError)?.code == .outOfMemory)
            try server("CONFIG", "SET", "maxmemory", "0")
            try await Locks(redis).acquire("a").release()
        }
    }

    @Test func `an unreachable server is an error, not a lock that is held`() async throws {
        var configuration = RedisConfiguration(endpoint: .unix(path: "/nonexistent/redis.sock"))
        configuration.commandTimeout = .milliseconds(200)
        try await withClient(configuration) { redis in
            await expectError(.unavailable) { try await Locks(redis).tryAcquire("a") }
            await expectError(.unavailable) { try await Locks(redis).acquire("a", wait: .seconds(60)) }
            await expectError(.unavailable) {
                try await Locks(redis).tryAcquireWithRetry("a", maxRetries: 100, delay: .seconds(60))
            }
        }
    }

    @Test func `a closed client ends waits and leases`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let redis = RedisClient(server.configuration)
            try await withClient(server.configuration) { other in
                let theirs = try await Locks(other).acquire("a")
                let mine = try await Locks(redis).acquire("b", ttl: .seconds(600))
                let waiter = Task { try await Locks(redis).acquire("a") }
                try await eventually("listening") { try server.listeners(key + ":wake:0") == 1 }
                await redis.close(drain: .zero)
                await expectError(.unavailable) { try await waiter.value }
                // Refused, it ends the trust in what was longer all the same.
                await expectError(.unavailable) { try await mine.extend(by: .milliseconds(300)) }
                #expect(await mine.waitUntilLost() == .unconfirmed)
                await expectError(.unavailable) { try await mine.release() }
                try await theirs.release()
            }
        }
    }
}
