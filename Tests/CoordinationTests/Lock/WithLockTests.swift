import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct WithLockTests {
    private struct BodyFailure: Error {}
    private let key = "signalbox:lock:{a}"

    @Test func `the body's value is returned and the lock is free`() async throws {
        try await withRedis { server, redis in
            let value = try await Locks(redis).withLock("a") { lease in
                #expect(lease.isTrusted)
                return 7
            }
            #expect(value == 7)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `the body's error is rethrown and the lock is free`() async throws {
        try await withRedis { server, redis in
            do {
                try await Locks(redis).withLock("a") { _ in throw BodyFailure() }
                Issue.record("the error was swallowed")
            } catch is BodyFailure {}
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a lost lease cancels the body and throws lockLost with the body's error beneath`() async throws {
        try await withRedis { server, redis in
            let started = TestSignal()
            let work = Task {
                try await Locks(redis).withLock("a", ttl: .seconds(600)) { _ in
                    started.fire()
                    try await TestSignal("never").wait(within: .seconds(60))
                }
            }
            try await started.wait(within: .seconds(60))
            try server("DEL", key)
            let renewals = CoordinationEngine.of(redis).renewals
            try await eventually("the loss is known") {
                renewals.hurry()
                return renewals.count == 0
            }
            let error = await expectError(.lockLost) { try await work.value }
            #expect(error?.underlying is CancellationError)
        }
    }

    @Test func `a body that ignores its cancellation does not hide the loss`() async throws {
        try await withRedis { server, redis in
            await expectError(.lockLost) {
                try await Locks(redis).withLock("a") { lease in
                    _ = try server("SET", lease.key, "other", "PX", "600000")
                }
            }
        }
    }

    @Test func `a long body keeps its lock by renewal`() async throws {
        try await withRedis { server, redis in
            // Renewed by the loop's own timer. On a machine that stands still for longer than the time to live it is
            // lost, as it must be, and tried again.
            try await eventually("a body has kept its lock", within: .seconds(60)) {
                do {
                    try await Locks(redis).withLock("a", ttl: .seconds(3)) { lease in
                        let trust = lease.trustedUntil
                        try await eventually("renewed") { lease.trustedUntil > trust + .milliseconds(500) }
                        let found = try server("EXISTS", lease.key)
                        try lease.checkValid()
                        #expect(found == 1)
                    }
                    return true
                } catch let error as CoordinationError where error.code == .lockLost {
                    return false
                }
            }
        }
    }

    @Test func `nested names work and the same name is not reentrant`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis)
            try await locks.withLock("a") { _ in
                try await locks.withLock("b") { _ in }
                await expectError(.lockNotAcquired) { try await locks.withLock("a", wait: .zero) { _ in } }
            }
        }
    }

    @Test func `onLost and waitUntilLost hear of a loss, and of nothing after a release`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let heard = TestSignal()
            let lost = try await locks.acquire("a", ttl: .seconds(600))
            lost.onLost { loss in if loss == .expired { heard.fire() } }
            async let waited = lost.waitUntilLost()
            try server("DEL", key)
            #expect(try await lost.lossByRenewal() == .expired)
            #expect(await waited == .expired)
            try await heard.wait(within: .seconds(60))
            #expect(await lost.waitUntilLost() == .expired)

            let kept = try await locks.acquire("a")
            async let released = kept.waitUntilLost()
            kept.onLost { _ in Issue.record("a release is no loss") }
            try await kept.release()
            #expect(await released == nil)

            let third = try await locks.acquire("a")
            let waiting = Task { await third.waitUntilLost() }
            waiting.cancel()
            #expect(await waiting.value == nil)
            try await third.release()
        }
    }

    @Test func `a lease held longer than maxHold ends`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis, renewal: .automatic(maxHold: .milliseconds(1)))
            let lease = try await locks.acquire("a", ttl: .milliseconds(300))
            #expect(await lease.waitUntilLost() == .maxHold)
        }
    }

    @Test func `without renewal a lease ends with its time`() async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis, renewal: .off).acquire("a", ttl: .milliseconds(150))
            #expect(await lease.waitUntilLost() == .unconfirmed)
            try await eventually("gone") { try server("EXISTS", key) == 0 }
        }
    }

    @Test func `a release that is late for the lease's time does not undo what the body did in time`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.address.configuration
                configuration.heartbeat = .seconds(60)
                try await withClient(configuration) { redis in
                    // A body that a busy machine ends too late has lost its lock: once more then.
                    try await eventually("a body that ended in time is not undone", within: .seconds(60)) {
                        defer { proxy.set(.pass) }
                        do {
                            let locks = Locks(redis, renewal: .off)
                            return try await locks.withLock("a", ttl: .milliseconds(700)) { lease in
                                // Held up in both directions: the key's time ends before the release is there.
                                proxy.set(.delay(.milliseconds(800)))
                                return lease.isTrusted
                            }
                        } catch let error as CoordinationError where error.code == .lockLost {
                            return false
                        }
                    }
                }
            }
        }
    }

    @Test func `a lock that was deleted under the body is lost, although nobody noticed before the release`()
        async throws
    {
        try await withRedis { server, redis in
            await expectError(.lockLost) {
                try await Locks(redis).withLock("a", ttl: .seconds(60)) { _ in try server("DEL", key) }
            }
        }
    }
}
