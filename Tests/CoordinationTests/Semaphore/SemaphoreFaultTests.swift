import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T2, T4 and T5 for semaphores.
@Suite struct SemaphoreFaultTests {
    private let key = "signalbox:sem:{a}"

    private func withCut(_ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(
                SemaphoreScripts.acquire, SemaphoreScripts.renew, SemaphoreScripts.release,
                FairSemaphoreScripts.acquire, FairSemaphoreScripts.release, FairSemaphoreScripts.leave)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `acquire takes its permits once`(fair: Bool, executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let script = fair ? FairSemaphoreScripts.acquire.sha : SemaphoreScripts.acquire.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let lease = try await Semaphores(redis, fair: fair).acquire(
                "a", limit: 2, permits: 2, wait: .seconds(60))
            // All there are: a repetition that was not recognised would wait for its own.
            #expect(proxy.faultDone.count == 1)
            #expect(try server.calls(of: "publish") == 0)
            #expect(try server("ZCARD", key) == 2)
            #expect(try server("HGET", key + ":info", "last") == .bulk(Array("\(lease.fencingToken)".utf8)))
            #expect(try await lease.releaseInsisting() == .released)
            #expect(try server("ZCARD", key) == 0)
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `release happens once and says so`(fair: Bool, executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let lease = try await Semaphores(redis, fair: fair).acquire("a", limit: 5, permits: 2)
            let script = fair ? FairSemaphoreScripts.release.sha : SemaphoreScripts.release.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            #expect(try await lease.releaseInsisting() == .released)
            #expect(proxy.faultDone.count == 1)
            #expect(try server("ZCARD", key) == 0)
        }
    }

    @Test(arguments: [false, true])
    func `a renewal whose reply was lost is repeated before trust ends`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let lease = try await Semaphores(redis).acquire("a", limit: 1, ttl: .seconds(60))
            let script = SemaphoreScripts.renew.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let trust = lease.trustedUntil
            // The lease is long for a process that is held up; its renewal comes now and not after a third of that.
            lease.renewNow()
            try await eventually("renewed") { lease.trustedUntil > trust }
            #expect(proxy.faultDone.count == 1)
            #expect(lease.isTrusted)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [false, true])
    func `a place in the queue is given up once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let semaphores = Semaphores(redis, fair: true)
            let held = try await semaphores.acquire("a", limit: 1)
            let script = FairSemaphoreScripts.leave.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            try await expectStillHeld(key) {
                try await semaphores.acquire("a", limit: 1, wait: .milliseconds(50))
            }
            #expect(proxy.faultDone.count == 1)
            #expect(try server("EXISTS", key + ":queue") == 0)
            #expect(try await held.releaseInsisting() == .released)
        }
    }

    /// T5: entries from the future are what a clock that went back leaves.
    @Test func `a jump of the server's clock does not keep a dead holder's permit for its length`() async throws {
        try await withRedis { server, redis in
            let keys = [RedisKey(key), RedisKey(key + ":info")]
            let _: [Int] = try await redis.evaluate(
                SemaphoreScripts.acquire, keys: keys, arguments: ["dead", 300, 1, 1, 60_000])
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("ZADD", key, "\((time[0] + 3_600) * 1_000_000)", "dead")
            // The cut is to the longest lease, which is the caller's own here.
            let lease = try await Semaphores(redis).acquire("a", limit: 1, ttl: .milliseconds(500), wait: .seconds(60))
            try await lease.release()
        }
    }

    @Test func `a jump of the server's clock does not keep a dead waiter's place for its length`() async throws {
        try await withRedis { server, redis in
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("ZADD", key + ":queue", "-1", "dead")
            try server("ZADD", key + ":waiters", "\((time[0] + 3_600) * 1_000_000)", "dead")
            try server("PEXPIRE", key + ":queue", "60000")
            try server("PEXPIRE", key + ":waiters", "60000")
            let refused = try await Semaphores(redis, fair: true).tryAcquire("a", limit: 1)
            #expect(refused == nil)
            let cut = try #require(server("ZSCORE", key + ":waiters", "dead").string.flatMap { Int($0) })
            #expect(cut <= (time[0] + 60) * 1_000_000)
        }
    }

    private func survive(
        persistent: Bool = false, fair: Bool, _ fault: (RedisServer, Lease) async throws -> Void
    ) async throws {
        // Nobody loses it by being late.
        let ttl = Duration.seconds(600)
        try await withRedis(.init(persistent: persistent, checksLeaks: true)) { server, redis in
            try await withClient(server.configuration) { other in
                let held = try await Semaphores(redis, fair: fair).acquire("a", limit: 1, ttl: ttl)
                let waiter = Task {
                    try await Semaphores(other, fair: fair).acquire("a", limit: 1, ttl: ttl, wait: .seconds(120))
                }
                try await eventually("it waits") { !CoordinationEngine.of(other).waits.isIdle }
                try await fault(server, held)
                let outcome = try await held.releaseInsisting()
                let next = try await waiter.value
                #expect(next.isTrusted)
                if held.loss == nil { #expect(outcome == .released) }
                #expect(try await next.releaseInsisting() == .released)
            }
        }
    }

    @Test(arguments: [false, true])
    func `the server is killed and forgets everything`(fair: Bool) async throws {
        try await survive(fair: fair) { server, lease in
            try await server.restart()
            #expect(await lease.waitUntilLost() == .expired)
        }
    }

    @Test(arguments: [false, true])
    func `the server is killed and remembers`(fair: Bool) async throws {
        try await survive(persistent: true, fair: fair) { server, lease in
            try await server.restart()
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
        }
    }

    @Test(arguments: [false, true])
    func `the data is flushed`(fair: Bool) async throws {
        try await survive(fair: fair) { server, lease in
            try server("FLUSHALL")
            // The next renewal finds out.
            lease.renewNow()
            #expect(await lease.waitUntilLost() == .expired)
        }
    }

    @Test func `the scripts are flushed`() async throws {
        try await survive(fair: true) { server, lease in
            try server("SCRIPT", "FLUSH")
            let trust = lease.trustedUntil
            try await eventually("renewed with the source") {
                lease.renewNow()
                return lease.trustedUntil > trust + .milliseconds(100)
            }
        }
    }

    @Test func `the server is out of memory: that is an error, not a semaphore that is full`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            let error = await expectError(.unavailable) { try await Semaphores(redis).tryAcquire("a", limit: 1) }
            #expect((error?.underlying as? RedisError)?.code == .outOfMemory)
            try server("CONFIG", "SET", "maxmemory", "0")
            try await Semaphores(redis).acquire("a", limit: 1).release()
        }
    }
}
