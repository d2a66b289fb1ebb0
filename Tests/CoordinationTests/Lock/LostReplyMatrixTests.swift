import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T4 for every script of the locks: the link is cut before the request arrives, or after it was executed and before
/// its reply; the request is repeated; the effect is that of one.
@Suite struct LostReplyMatrixTests {
    private func withCut(
        _ scripts: [RedisScript], _ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            for script in scripts { try server("SCRIPT", "LOAD", script.source) }
            try await withFaultProxy(to: server.tcp) { proxy in
                // Heartbeats are published too, and tests count what is.
                var configuration = proxy.configuration
                configuration.heartbeat = .seconds(3_600)
                try await withClient(configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    private func cut(_ proxy: FaultProxy, _ script: RedisScript, executed: Bool) {
        proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
    }

    @Test(arguments: LockSort.allCases, [true, false])
    func `a grant is one grant`(sort: LockSort, executed: Bool) async throws {
        let scripts = sort.scripts
        try await withCut([scripts.acquire, scripts.renew, scripts.release]) { server, proxy, redis in
            cut(proxy, scripts.acquire, executed: executed)
            let lease = try await sort.acquire(redis, ttl: .seconds(600))
            #expect(proxy.faultDone.count == 1)
            #expect(try await lease.isHeld())
            let readers = try server("ZCARD", "signalbox:rw:{a}:readers").int ?? 0
            #expect(readers == (sort == .reader ? 1 : 0))
            #expect(try await lease.releaseInsisting() == .released)
            #expect(LockSort.leftovers(try server("KEYS", "*").strings) == [])
        }
    }

    @Test(arguments: LockSort.allCases, [true, false])
    func `a release is one release and says so`(sort: LockSort, executed: Bool) async throws {
        let scripts = sort.scripts
        try await withCut([scripts.acquire, scripts.renew, scripts.release]) { server, proxy, redis in
            let lease = try await sort.acquire(redis, ttl: .seconds(600))
            cut(proxy, scripts.release, executed: executed)
            #expect(try await lease.releaseInsisting() == .released)
            #expect(proxy.faultDone.count == 1)
            #expect(LockSort.leftovers(try server("KEYS", "*").strings) == [])
        }
    }

    @Test(arguments: LockSort.allCases, [true, false])
    func `a renewal is repeated before trust ends`(sort: LockSort, executed: Bool) async throws {
        let scripts = sort.scripts
        try await withCut([scripts.acquire, scripts.renew, scripts.release]) { server, proxy, redis in
            let lease = try await sort.acquire(redis, ttl: .seconds(600))
            cut(proxy, scripts.renew, executed: executed)
            let trust = lease.trustedUntil
            try await eventually("renewed") {
                lease.renewNow()
                return proxy.faultDone.count > 0 && lease.trustedUntil > trust
            }
            #expect(proxy.faultDone.count == 1)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [true, false])
    func `a downgrade leaves one reader`(executed: Bool) async throws {
        try await withCut([ReadWriteScripts.write, ReadWriteScripts.downgrade]) { server, proxy, redis in
            let lease = try await ReadWriteLocks(redis).write("a", ttl: .seconds(600))
            cut(proxy, ReadWriteScripts.downgrade, executed: executed)
            try await lease.downgrade()
            #expect(proxy.faultDone.count == 1)
            #expect(try server("ZCARD", "signalbox:rw:{a}:readers") == 1)
            #expect(try server("HEXISTS", "signalbox:rw:{a}", "writer") == 0)
            #expect(try await lease.release() == .released)
        }
    }

    @Test(arguments: [true, false])
    func `a writer that gives up is no longer waited for`(executed: Bool) async throws {
        try await withCut([ReadWriteScripts.read, ReadWriteScripts.write, ReadWriteScripts.leave]) {
            server, proxy, redis in
            let reader = try await ReadWriteLocks(redis).read("a", ttl: .seconds(600))
            let writer = Task { try await ReadWriteLocks(redis).write("a", wait: .seconds(60)) }
            try await eventually("it waits") { try server("ZCARD", "signalbox:rw:{a}:writers") == 1 }
            cut(proxy, ReadWriteScripts.leave, executed: executed)
            writer.cancel()
            await #expect(throws: CancellationError.self) { try await writer.value }
            try await eventually("it left") { try server("EXISTS", "signalbox:rw:{a}:writers") == 0 }
            try await proxy.faultDone.wait(within: .seconds(60))
            try await reader.release()
        }
    }

    @Test(arguments: [true, false])
    func `a forced release is announced once and says whose it was`(executed: Bool) async throws {
        try await withCut([LockScripts.acquire, ForceScripts.release]) { server, proxy, redis in
            let lease = try await Locks(redis).acquire("a", ttl: .seconds(600))
            cut(proxy, ForceScripts.release, executed: executed)
            let answer = try await Locks(redis).forceRelease("a", by: "ann", reason: "test")
            #expect(answer?.previousFence == lease.fencingToken)
            #expect(proxy.faultDone.count == 1)
            // The audit event and the wake-up.
            #expect(try server.calls(of: "publish") == 2)
            #expect(try await lease.release() == .expired)
        }
    }

    @Test(arguments: [true, false])
    func `a take-over is announced once and gets one fence`(executed: Bool) async throws {
        try await withCut([LockScripts.acquire, ForceScripts.takeOver]) { server, proxy, redis in
            let old = try await Locks(redis).acquire("a", ttl: .seconds(600))
            cut(proxy, ForceScripts.takeOver, executed: executed)
            let lease = try await Locks(redis).takeOver("a", by: "ann", reason: "test")
            #expect(proxy.faultDone.count == 1)
            #expect(try server.calls(of: "publish") == 1)
            #expect(
                try server("HGET", "signalbox:lock:{a}:fence", "last") == .bulk(Array("\(lease.fencingToken)".utf8)))
            #expect(try await old.release() == .notOwner)
            #expect(try await lease.release() == .released)
        }
    }

    @Test(arguments: [true, false])
    func `fenced fields are written once`(executed: Bool) async throws {
        let script = FencedScript.setFields.script
        try await withCut([LockScripts.acquire, script]) { server, proxy, redis in
            let lease = try await Locks(redis).acquire("a", ttl: .seconds(600))
            cut(proxy, script, executed: executed)
            #expect(try await lease.fencedSet(fields: ["x": 1], of: "stock", expiry: .seconds(60)))
            #expect(proxy.faultDone.count == 1)
            #expect(try server("HGET", "stock", "x") == "1")
            try await lease.release()
        }
    }
}
