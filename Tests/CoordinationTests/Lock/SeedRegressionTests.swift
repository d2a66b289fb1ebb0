import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// The flaws of the locks in requirements 001 to 003, one test each, where no other suite is about just that.
///
/// Elsewhere: polling and order (`LockWaitTests`), lost replies (`LostReplyTests`), pauses between retries
/// (`RetriesTests`), an outage taken for "held" (`NemesisTests`), fencing (`LocksTests`, `LockTortureTests`).
@Suite struct SeedRegressionTests {
    private let key = "signalbox:lock:{a}"

    @Test(arguments: [Duration.zero, .microseconds(999), .seconds(-1)])
    func `001 extend by less than a millisecond is refused and deletes nothing`(time: Duration) async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis).acquire("a")
            await expectError(.invalidArgument) { try await lease.extend(by: time) }
            #expect(try server("EXISTS", key) == 1)
            #expect(try await lease.release() == .released)
            await expectError(.invalidArgument) { try await Locks(redis).acquire("a", ttl: time) }
            await expectError(.invalidArgument) { try await Locks(redis).tryAcquire("a", ttl: time) }
            await expectError(.invalidArgument) { try await TaskCoordinator(redis).once("a", lease: time) { _ in 1 } }
            await expectError(.invalidArgument) {
                try await TaskCoordinator(redis).once("a", keepResult: time) { _ in 1 }
            }
        }
    }

    @Test func `001 extend by less than a second keeps the lock for that time`() async throws {
        try await withRedis { server, redis in
            // On a machine so busy that the time is over, it must be over here too, and it is tried again.
            try await eventually("it has that time") {
                let lease = try await Locks(redis, renewal: .off).acquire("a")
                do {
                    try await lease.extend(by: .milliseconds(900))
                } catch let error as CoordinationError where error.code == .lockLost {}
                let left = try server("PTTL", key).int ?? -2
                #expect((0...900).contains(left) || left == -2 && !lease.isTrusted)
                try await lease.release()
                return left > 0
            }
        }
    }

    @Test func `001 the refresh loop survives errors and holds the lock through them`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                configuration.reconnect = ReconnectPolicy(maxDelay: .milliseconds(50))
                // Errors at once, not at the end of a renewal's time.
                configuration.offline = .fail
                try await withClient(configuration) { redis in
                    let lease = try await Locks(redis).acquire("a", ttl: .seconds(600))
                    let trust = lease.trustedUntil
                    proxy.set(.refuse)
                    proxy.cut()
                    lease.renewNow()
                    try await eventually("renewals fail") { CoordinationEngine.of(redis).renewals.failures > 0 }
                    proxy.set(.pass)
                    try await eventually("renewed") { lease.trustedUntil > trust }
                    #expect(lease.loss == nil)
                    #expect(try await lease.releaseInsisting() == .released)
                }
            }
        }
    }

    @Test func `001 a cancelled caller still releases`() async throws {
        try await withRedis { server, redis in
            let started = TestSignal()
            let work = Task {
                try await Locks(redis).withLock("a", ttl: .seconds(600)) { _ in
                    started.fire()
                    try await TestSignal("never").wait(within: .seconds(60))
                }
            }
            try await started.wait(within: .seconds(60))
            work.cancel()
            await #expect(throws: CancellationError.self) { try await work.value }
            try await eventually("released") { try server("EXISTS", key) == 0 }
        }
    }

    @Test func `001 a cancelled task can release by hand too`() async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis).acquire("a", ttl: .seconds(600))
            let release = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return try await lease.release()
            }
            #expect(try await release.value == .released)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `001 two tasks with one Locks object do not share a token`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis)
            let one = try await locks.acquire("a")
            let other = try await locks.tryAcquire("a")
            #expect(other == nil)
            try await one.release()
            let again = try await locks.acquire("a")
            #expect(again.core.token != one.core.token)
            try await again.release()
        }
    }

    @Test func `001 a wait ends at its deadline also when the server is silent`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            var configuration = server.configuration
            configuration.commandTimeout = .seconds(600)
            try await withClient(configuration) { redis in
                let held = try await Locks(redis).acquire("a", ttl: .seconds(600))
                server.pause()
                defer { server.resume() }
                // Far below the command timeout, which would be the end otherwise.
                _ = try await within(.seconds(60)) {
                    await expectError(.unavailable) { try await Locks(redis).acquire("a", wait: .milliseconds(200)) }
                }
                server.resume()
                try await held.releaseInsisting()
            }
        }
    }

    @Test func `002 a lock that was never acquired is not released`() async throws {
        try await withRedis { server, redis in
            try server.load(LockScripts.acquire)
            try server("SET", key, "other", "PX", "600000")
            await expectError(.lockNotAcquired) { try await Locks(redis).withLock("a", wait: .zero) { _ in } }
            #expect(try server.calls(of: "evalsha") == 1)
            #expect(try server("GET", key) == "other")
        }
    }

    @Test func `002 an eviction policy that may evict locks is warned about`() async throws {
        try await withRedis(.init(directives: ["maxmemory": "100mb", "maxmemory-policy": "volatile-lru"])) { _, redis in
            let locks = Locks(redis)
            try await locks.acquire("a").release()
            try await eventually("checked") { locks.engine.policyCheck.findings != nil }
            let finding = locks.engine.policyCheck.findings?.first { $0.code == .evictionPolicy }
            #expect(finding?.evidence.contains("volatile-lru") == true)
        }
    }

    @Test func `003 the release's result is not ignored`() async throws {
        try await withRedis { server, redis in
            let lease = try await Locks(redis).acquire("a")
            try server("SET", key, "other", "PX", "600000")
            #expect(try await lease.release() == .notOwner)
        }
    }
}
