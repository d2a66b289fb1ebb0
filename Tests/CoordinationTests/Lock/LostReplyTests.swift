import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T4: the link is cut after the server executed a request and before its reply arrived; the request is repeated; the
/// effect is that of one request.
@Suite struct LostReplyTests {
    private let key = "signalbox:lock:{a}"

    private func withCut(
        _ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            // A request must be EVALSHA at once for the proxy to recognise it.
            try server.load(
                LockScripts.acquire, LockScripts.renewMany, LockScripts.release, OnceScripts.claim, OnceScripts.renew,
                OnceScripts.finish, OnceScripts.release)
            try await withFaultProxy(to: server.tcp) { proxy in
                // Heartbeats are published too, and tests count what is.
                var configuration = proxy.configuration
                configuration.heartbeat = .seconds(3_600)
                try await withClient(configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    @Test(arguments: [true, false])
    func `acquire is granted once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let script = LockScripts.acquire.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let lease = try await Locks(redis).acquire("a", wait: .seconds(120))
            #expect(proxy.faultDone.count == 1)
            #expect(try server("GET", key) == .bulk(Array(lease.core.token.text.utf8)))
            #expect(try server("HGET", key + ":fence", "last") == .bulk(Array("\(lease.fencingToken)".utf8)))
            #expect(try server.calls(of: "hset") == 1, "one grant draws one fence")
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [true, false])
    func `release happens once and says so`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let lease = try await Locks(redis).acquire("a")
            let script = LockScripts.release.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            #expect(try await lease.releaseInsisting() == .released)
            #expect(proxy.faultDone.count == 1)
            #expect(try server.calls(of: "publish") == 1)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a release whose reply was lost is still one when somebody else has the lock meanwhile`() async throws {
        try await withCut { server, proxy, redis in
            let lease = try await Locks(redis).acquire("a")
            proxy.set(.cutBeforeReply(match: LockScripts.release.sha))
            let release = Task { try await lease.releaseInsisting() }
            try await eventually("executed") { try server("EXISTS", key) == 0 }
            try server("SET", key, "next", "PX", "600000")
            #expect(try await release.value == .released)
            #expect(try server("GET", key) == "next")
        }
    }

    @Test(arguments: [true, false])
    func `a renewal whose reply was lost is repeated before trust ends`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let lease = try await Locks(redis).acquire("a", ttl: .seconds(600))
            let script = LockScripts.renewMany.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let trust = lease.trustedUntil
            try await eventually("renewed") {
                lease.renewNow()
                return proxy.faultDone.count > 0 && lease.trustedUntil > trust
            }
            #expect(proxy.faultDone.count == 1)
            #expect(lease.isTrusted)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [true, false])
    func `once claims once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let script = OnceScripts.claim.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let runs = Notes<Int>()
            let outcome = try await TaskCoordinator(redis).once("a") { _ in
                runs.add(1)
                return 7
            }
            #expect(proxy.faultDone.count == 1)
            guard case .executed(7, takenOver: false) = outcome else { return fail("\(outcome)") }
            #expect(runs.all.count == 1)
        }
    }

    @Test(arguments: [true, false])
    func `once stores its result once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let tasks = TaskCoordinator(redis)
            let script = OnceScripts.finish.sha
            let outcome = try await tasks.once("a") { _ in
                proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                return 7
            }
            #expect(proxy.faultDone.count == 1)
            guard case .executed(7, takenOver: false) = outcome else { return fail("\(outcome)") }
            guard case .alreadyDone(7) = try await tasks.once("a", { _ in 8 }) else {
                return fail("the result was not stored")
            }
            #expect(try server("HGET", "signalbox:once:{a}", "state") == "done")
        }
    }

    @Test(arguments: [true, false])
    func `a failed task is given back once`(executed: Bool) async throws {
        struct Failure: Error {}
        try await withCut { server, proxy, redis in
            let script = OnceScripts.release.sha
            let result = await Task {
                try await TaskCoordinator(redis).once("a") { _ -> Int in
                    proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                    throw Failure()
                }
            }.result
            #expect(result.failure is Failure)
            #expect(proxy.faultDone.count == 1)
            try await eventually("given back") { try server("EXISTS", "signalbox:once:{a}") == 0 }
        }
    }

    /// A client that died for good between execution and reply: the key has to go by itself.
    @Test func `a grant nobody heard of ends with its time to live`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(LockScripts.acquire)
            try await withFaultProxy(to: server.tcp) { proxy in
                let redis = RedisClient(proxy.configuration)
                try await Locks(redis).acquire("warm").release()
                proxy.set(.loseReplies)
                let request = Task { try await Locks(redis).tryAcquire("a", ttl: .milliseconds(300)) }
                try await eventually("granted") { try server("EXISTS", key + ":fence") == 1 }
                proxy.set(.refuse)
                proxy.cut()
                await redis.close(drain: .zero)
                await expectError(.unavailable) { try await request.value }
                try await withClient(server.configuration) { other in
                    try await Locks(other).acquire("a", wait: .seconds(120)).release()
                }
            }
        }
    }
}
