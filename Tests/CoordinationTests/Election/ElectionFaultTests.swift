import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T2 and T4 for elections.
@Suite struct ElectionFaultTests {
    private let key = "signalbox:leader:{a}"

    private func withCut(_ body: (RedisServer, FaultProxy, RedisClient) async throws -> Void) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(
                ElectionScripts.campaign, ElectionScripts.renew, ElectionScripts.resign, ElectionScripts.depose,
                ElectionScripts.show)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in try await body(server, proxy, redis) }
            }
        }
    }

    private func request(_ redis: RedisClient) throws -> ElectionRequest {
        // Nobody loses it by being late.
        let timing = ElectionTiming(lease: .seconds(600), renewDeadline: .seconds(500))
        return try LeaderElection(redis, name: "a", id: "me", timing: timing).request
    }

    @Test(arguments: [false, true])
    func `an election is won once`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            let script = ElectionScripts.campaign.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            guard case .won(let lease) = try await request(redis).campaign() else { return fail("not won") }
            #expect(proxy.faultDone.count == 1)
            #expect(try server("HGET", key, "term") == .bulk(Array("\(lease.fencingToken)".utf8)))
            #expect(try server.calls(of: "publish") == 1)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [false, true])
    func `a resignation happens once and says so`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            guard case .won(let lease) = try await request(redis).campaign() else { return fail("not won") }
            let script = ElectionScripts.resign.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            #expect(try await lease.releaseInsisting() == .released)
            #expect(proxy.faultDone.count == 1)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test(arguments: [false, true])
    func `a forced resignation ends one term, not the successor's`(executed: Bool) async throws {
        try await withCut { server, proxy, redis in
            guard case .won(let lease) = try await request(redis).campaign() else { return fail("not won") }
            let script = ElectionScripts.depose.sha
            proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
            let deposed = try await Elections(redis).forceResignation("a")
            #expect(deposed?.term == lease.fencingToken)
            #expect(proxy.faultDone.count == 1)
            let isHeld = try await lease.isHeld()
            #expect(!isHeld)
            // What a third repetition would meet.
            let _: [RedisValue] = try await redis.evaluate(
                ElectionScripts.campaign, keys: [RedisKey(key), RedisKey(key + ":term"), RedisKey(key + ":bar:x")],
                arguments: ["x", 600_000, "x", 60_000, ":wake:0"])
            let again: Int = try await redis.evaluate(
                ElectionScripts.depose, keys: [RedisKey(key), RedisKey(key + ":term"), RedisKey(key + ":bar:me")],
                arguments: [lease.fencingToken, 0, ":wake:0", 60_000])
            #expect(again == 1)
            #expect(try server("HGET", key, "id") == "x")
        }
    }

    @Test(arguments: ["flush", "restart", "remember", "scripts", "kill"])
    func `somebody leads again after a fault`(fault: String) async throws {
        try await withRedis(.init(persistent: fault == "remember", checksLeaks: true)) { server, redis in
            try await withClient(server.configuration) { other in
                // Only a fault ends a term, and no late process.
                let timing = ElectionTiming(
                    lease: .seconds(600), renewDeadline: .seconds(500), retry: .milliseconds(200))
                let inside = Occupancy()
                let terms = Notes<Int64>()
                let leaderships = Notes<Leadership>()
                let tasks = try [redis, other].map { redis in
                    let election = try LeaderElection(redis, name: "a", timing: timing) { leadership in
                        // Whoever was told is outside before the next one is inside, as far as a flush permits.
                        leaderships.add(leadership)
                        terms.add(leadership.term)
                        inside.enter()
                        defer { inside.leave() }
                        try await TestSignal("never").wait(within: .seconds(600))
                    }
                    return Task { try await election.run() }
                }
                try await eventually("somebody leads") { terms.all.count == 1 }
                switch fault {
                case "flush": try server("FLUSHALL")
                case "restart", "remember": try await server.restart()
                case "scripts": try server("SCRIPT", "FLUSH")
                default: try server("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                }
                if ["flush", "restart"].contains(fault) {
                    try await eventually("a new term", within: .seconds(60)) { terms.all.count >= 2 }
                    #expect(terms.all.sorted() == terms.all)
                } else {
                    let leadership = leaderships.all[0]
                    // By a renewal that was sent after the fault; without a hint the next one is minutes away.
                    let trust = ContinuousClock.now + timing.renewDeadline
                    try await eventually("renewed", within: .seconds(60)) {
                        leadership.lease.renewNow()
                        return leadership.trustedUntil > trust
                    }
                    #expect(terms.all.count == 1)
                }
                for task in tasks { task.cancel() }
                for task in tasks { _ = await task.result }
            }
        }
    }

    @Test func `a record of another program is an error, not an election that is lost`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: [key])) { server, redis in
            try server("SET", key, "x")
            await expectError(.unavailable) { try await request(redis).campaign() }
        }
    }

    @Test func `a server that is out of memory is an error, not an election that is lost`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            let error = await expectError(.unavailable) { try await request(redis).campaign() }
            #expect((error?.underlying as? RedisError)?.code == .outOfMemory)
            let left = try server("EXISTS", key)
            #expect(left == 0)
        }
    }
}
