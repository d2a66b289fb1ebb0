import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Processes that die or stand still, replies that are lost, servers that restart: every end is told all the same.
@Suite struct ExpirySweeperFaultTests {
    @Test func `a process that is killed in its handler is followed by another one`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let url = server.url
            await #expect(processExitsWith: .signal(SIGKILL)) { [url = url as String] in
                let redis = RedisClient(try RedisConfiguration(url: url))
                let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
                // Its lease must not end before the parent has looked.
                let options = ExpirySweeperOptions(lease: .seconds(3_600))
                try await ExpirySweeper(cache, options: options) { _ in kill(getpid(), SIGKILL) }.sweep()
            }
            #expect(try server("HVALS", "signalbox:indexed:{n}:attempts").strings == ["1"])
            let told = Told()
            let sweeper = try ExpirySweeper(cache) { told.note($0) }
            #expect(try await sweeper.sweep() == 0, "the dead one's lease is still running")
            try server.endLeases()
            #expect(try await sweeper.sweep() == 1)
            #expect(told.all.map(\.attempt) == [2])
            #expect(try told.all[0].value() == "v")
        }
    }

    @Test(arguments: [true, false])
    func `an acknowledgement whose reply is lost is given once more, and counts`(executed: Bool) async throws {
        try await withCut(ExpiryScripts.acknowledge, executed: executed) { cache, told in
            let sweeper = try ExpirySweeper(cache) { told.note($0) }
            #expect(try await sweeper.sweep() == 1)
        }
    }

    @Test func `a claim whose reply is lost is made again when its lease is over`() async throws {
        try await withRedis { server, direct in
            let cache = IndexedCache(direct, namespace: "n", options: .unhurried, expiry: .values())
            try await cache.set("a", "v")
            try await cache.expire("a")
            try server("SCRIPT", "LOAD", ExpiryScripts.claim.source)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    proxy.set(.cutBeforeReply(match: ExpiryScripts.claim.sha))
                    let cut = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
                    await expectError(.unavailable) { try await ExpirySweeper(cut) { _ in }.sweep() }
                    #expect(proxy.faultDone.count == 1)
                }
            }
            let told = Told()
            try server.endLeases()
            #expect(try await ExpirySweeper(cache) { told.note($0) }.sweep() == 1)
            #expect(told.keys == ["a"])
        }
    }

    private func withCut(
        _ script: RedisScript, executed: Bool, _ body: (IndexedCache, Told) async throws -> Void
    ) async throws {
        try await withRedis { server, direct in
            try server("SCRIPT", "LOAD", script.source)
            let cache = IndexedCache(direct, namespace: "n", options: .unhurried, expiry: .values())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let told = Told()
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
                    let options = CacheOptions(timeout: .seconds(20))
                    try await body(IndexedCache(redis, namespace: "n", options: options, expiry: .values()), told)
                    #expect(proxy.faultDone.count == 1)
                }
            }
            #expect(try server("EXISTS", "signalbox:indexed:{n}:expired") == 0)
            #expect(try await ExpirySweeper(cache) { told.note($0) }.sweep() == 0)
            #expect(told.keys == ["a"])
        }
    }

    @Test func `the lease is renewed while a handler runs`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let options = ExpirySweeperOptions(lease: .milliseconds(300))
            let began = TestSignal()
            let mayEnd = TestSignal()
            let slow = try ExpirySweeper(cache, options: options) { _ in
                began.fire()
                try await mayEnd.wait(within: .seconds(60))
            }
            try await cache.set("a", "v")
            try await cache.expire("a")
            let task = Task { try await slow.sweep() }
            try await began.wait(within: .seconds(60))
            func score() throws -> String? {
                try server("ZRANGE", "signalbox:indexed:{n}:expired", "0", "0", "WITHSCORES").strings.last
            }
            let first = try score()
            try await eventually("it was renewed") { try score() != first }
            mayEnd.fire()
            #expect(try await task.value == 1)
        }
    }

    @Test func `a late holder takes nothing away from its successor`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let late = try await ExpiryClaim.take(cache, ExpirySweeperOptions()).entries[0]
            try server.endLeases()
            let next = try await ExpiryClaim.take(cache, ExpirySweeperOptions()).entries[0]
            func hold(_ entry: ExpiredEntry) async throws -> Int {
                try await redis.evaluate(
                    ExpiryScripts.hold, keys: cache.keys.expiry,
                    arguments: [cache.keys.root, 0, entry.event, entry.claim, ""])
            }
            #expect(try await hold(late) == 0)
            #expect(try await hold(next) == 1)
        }
    }

    @Test func `what a cancelled sweeper had claimed is given back at once`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.setMany(["a": "1", "b": "2", "c": "3"])
            try await cache.expire("a", "b", "c")
            let began = TestSignal()
            let stuck = try ExpirySweeper(cache, options: .init(concurrency: 1)) { _ in
                began.fire()
                try await TestSignal("never").wait(within: .seconds(60))
            }
            let task = Task { try await stuck.sweep() }
            try await began.wait(within: .seconds(60))
            task.cancel()
            _ = await task.result
            let told = Told()
            #expect(try await ExpirySweeper(cache) { told.note($0) }.sweep() == 3)
            #expect(told.keys == ["a", "b", "c"])
        }
    }

    @Test(arguments: [false, true])
    func `an end whose acknowledgement failed counts when it is acknowledged`(isRejected: Bool) async throws {
        try await withMetrics { stage in
            let cache = IndexedCache(stage.client(), namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.set("a", "v")
            try await cache.expire("a")
            let refused = TestSignal("the acknowledgement is refused")
            let sweeper = try ExpirySweeper(cache, options: .init(lease: .milliseconds(100))) { _ in
                if refused.count == 0 { try stage.server("ACL", "SETUSER", "default", "-hdel") }
                refused.fire()
                if isRejected { throw ExpiryRejection("nobody wants it") }
            }
            let name = isRejected ? "cache.expiry.rejected" : "cache.expiry.told"
            try await eventually("the handler is asked") {
                let count = try await sweeper.sweep()
                #expect(count == 0)
                return stage.counts["cache.failures"] != nil
            }
            #expect(stage.counts[name] == nil)
            try stage.server("ACL", "SETUSER", "default", "+hdel")
            try await eventually("told again") { try await sweeper.sweep() == 1 }
            #expect(stage.counts[name] == 1)
        }
    }

    /// What is said after the handler must come after a renewal, or nobody is told for a whole lease.
    @Test func `what is given back is said after the renewal under way`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            try await cache.setMany(["a": "1", "b": "2"])
            try await cache.expire("a", "b")
            let claimed = try await ExpiryClaim.take(cache, ExpirySweeperOptions()).entries
            let held = HeldExpiries(claimed)
            #expect(held.remove([]) == nil)
            let mayArrive = TestSignal("the renewal arrives")
            let renewed = TestSignal("renewed")
            let renewal = try #require(
                held.renew { entries in
                    try? await mayArrive.wait(within: .seconds(60))
                    #expect(entries.count == 2)
                    renewed.fire()
                })
            let underWay = try #require(held.remove([claimed[0]]))
            let givenBack = Task {
                await underWay.value
                return renewed.count
            }
            mayArrive.fire()
            #expect(await givenBack.value == 1)
            await renewal.value
            _ = held.remove(claimed)
            #expect(held.renew { _ in } == nil, "nothing is left to renew")
        }
    }

    @Test func `no renewal goes on when the sweeper has been shut down, not even one without an answer`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server("SCRIPT", "LOAD", ExpiryScripts.hold.source)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = IndexedCache(
                        redis, namespace: "n", options: .init(timeout: .milliseconds(300)), expiry: .keys())
                    let unhurried = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
                    try await unhurried.setMany(["a": "1", "b": "2"])
                    try await unhurried.expire("a", "b")
                    let lease = Duration.milliseconds(150)
                    let began = TestSignal("a handler runs")
                    let sweeper = try ExpirySweeper(cache, options: .init(lease: lease, concurrency: 1)) { _ in
                        began.fire()
                        try await TestSignal("never").wait(within: .seconds(60))
                    }
                    let run = Task { try await sweeper.run() }
                    try await began.wait(within: .seconds(60))
                    // From here on nothing is answered.
                    proxy.set(.loseReplies)
                    let sent = proxy.commands(containing: ExpiryScripts.hold.sha)
                    try await eventually("a renewal is under way") {
                        proxy.commands(containing: ExpiryScripts.hold.sha) > sent
                    }
                    run.cancel()
                    await #expect(throws: CancellationError.self) { try await run.value }
                    // What was sent before lies at the proxy, which has seen it when it has taken two more orders.
                    for _ in 0..<2 { proxy.set(.loseReplies) }
                    let ended = (Moment.now, proxy.commands(containing: ExpiryScripts.hold.sha))
                    try await eventually("two leases are over") { Moment.now > ended.0 + lease + lease }
                    #expect(proxy.commands(containing: ExpiryScripts.hold.sha) == ended.1)
                    proxy.set(.pass)
                    proxy.cut()
                }
            }
        }
    }

    @Test func `ends outlive a restart of a server that keeps its data`() async throws {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let told = Told()
            try await cache.set("told late", "v", ttl: .after(.milliseconds(1)))
            try await cache.set("b", "w", indexes: ["user": "alice"])
            try await eventually("it expired") { try await !cache.exists("told late") }
            let claim = try await ExpiryClaim.take(cache, ExpirySweeperOptions())
            #expect(claim.entries.count == 1)
            try await server.restart()
            try server.endLeases()
            let sweeper = try ExpirySweeper(cache) { told.note($0) }
            try await eventually("it is told", within: .seconds(60)) { (try? await sweeper.sweep()) == 1 }
            #expect(told.keys == ["told late"])
            #expect(try await cache.allKeysByIndex("user", "alice") == ["b"])
        }
    }

    @Test func `a running sweeper goes on when Redis comes back empty`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                let cache = IndexedCache(
                    redis, namespace: "n", options: .init(timeout: .milliseconds(200)), expiry: .keys())
                let unhurried = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
                let told = Told()
                let sweeper = try ExpirySweeper(cache, options: .init(pause: .milliseconds(5))) { told.note($0) }
                let run = Task { try await sweeper.run() }
                try await unhurried.set("a", "v", ttl: .after(.milliseconds(1)))
                try await told.signal.wait(within: .seconds(60))
                try await server.restart()
                try await eventually("a write succeeds", within: .seconds(60)) {
                    (try? await cache.set("b", "v", ttl: .after(.milliseconds(1)))) != nil
                }
                try await eventually("the second is told", within: .seconds(60)) { told.keys.contains("b") }
                #expect(told.all.last?.key == "b")
                run.cancel()
                _ = await run.result
            }
        }
    }
}
