import Logging
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import Coordination

@Suite struct LeaderElectionTests {
    private struct Failure: Error {}
    private let key = "signalbox:leader:{a}"
    /// Short enough for a crash to be over soon.
    private let quick = ElectionTiming(
        lease: .milliseconds(1_500), renewDeadline: .milliseconds(1_200), retry: .milliseconds(200))

    /// Long enough for a process that is held up to lead on.
    private static let long = ElectionTiming(
        lease: .seconds(60), renewDeadline: .seconds(50), retry: .seconds(2))

    private func election(
        _ redis: RedisClient, _ id: String, timing: ElectionTiming = LeaderElectionTests.long,
        _ body: @escaping @Sendable (Leadership) async throws -> Void = { _ in
            try await TestSignal("never").wait(within: .seconds(600))
        }
    ) throws -> LeaderElection {
        try LeaderElection(redis, name: "a", id: id, timing: timing, whileLeader: body)
    }

    @Test func `one of three leads, and resigning lets the next one take over at once`() async throws {
        try await withRedis { server, redis in
            let leaders = Notes<String>()
            let inside = Occupancy()
            let candidates = try ["one", "two", "three"].map { id in
                let election = try election(redis, id) { leadership in
                    inside.enter()
                    leaders.add(id)
                    defer { inside.leave() }
                    try leadership.checkValid()
                    try await TestSignal("never").wait(within: .seconds(600))
                }
                return (id, Task { try await election.run() })
            }
            for count in 1...3 {
                // Whoever comes next was told, unless a resignation found a server that does not answer.
                try await eventually("leader \(count)", within: .seconds(120)) { leaders.all.count == count }
                let leader = try await Elections(redis).currentLeader("a")
                #expect(leader?.id == leaders.all.last)
                candidates.first { $0.0 == leaders.all.last }?.1.cancel()
            }
            for (_, task) in candidates { await #expect(throws: CancellationError.self) { try await task.value } }
            #expect(Set(leaders.all).count == 3)
            #expect(inside.most == 1)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a graceful shutdown resigns and returns`() async throws {
        try await withRedis { server, redis in
            let leads = TestSignal()
            let election = try election(redis, "one") { _ in
                leads.fire()
                try await TestSignal("never").wait(within: .seconds(600))
            }
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: election)], logger: Logger(label: "test")))
            let running = Task { try await group.run() }
            try await leads.wait()
            #expect(election.leadership?.isTrusted == true)
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(election.leadership == nil)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a crashed leader is followed when its lease is over, with a larger term`() async throws {
        try await withRedis { server, redis in
            // What a killed process leaves.
            let won: [RedisValue] = try await redis.evaluate(
                ElectionScripts.campaign, keys: [RedisKey(key), RedisKey(key + ":term"), RedisKey(key + ":bar:dead")],
                arguments: ["dead-token", 600_000, "dead", 60_000, ":wake:0"])
            guard case .integer(let term) = won[1] else { return fail("\(won)") }
            let terms = Notes<Int64>()
            // Asks often, and loses no term by being late.
            let timing = ElectionTiming(
                lease: .seconds(60), renewDeadline: .seconds(50), retry: .milliseconds(200))
            let election = try election(redis, "next", timing: timing) { terms.add($0.term) }
            let seen = Notes<ElectionEvent>()
            let events = election.events()
            let reading = Task { for await event in events { seen.add(event) } }
            let task = Task { try await election.run() }
            try await eventually("it knows the leader") { !seen.all.isEmpty }
            // Nobody announces the end of a lease.
            try server("PEXPIRE", key, "1")
            try await eventually("it leads") { !terms.all.isEmpty }
            #expect(terms.all[0] > term)
            task.cancel()
            _ = await task.result
            await reading.value
            guard case .newLeader(let dead) = seen.all.first else { return fail("\(seen.all)") }
            #expect(dead.id == "dead" && dead.term == term)
            #expect(seen.all.contains(.gained(term: terms.all[0])))
            #expect(seen.all.contains(.lost(term: terms.all[0], nil)))
        }
    }

    @Test func `a leader that is deposed is told at once and does not come back for the time stated`() async throws {
        try await withRedis { server, redis in
            let leads = TestSignal()
            let ended = TestSignal()
            let timing = ElectionTiming(lease: .seconds(600), renewDeadline: .seconds(500))
            let one = try election(redis, "one", timing: timing) { _ in
                leads.fire()
                defer { ended.fire() }
                try await TestSignal("never").wait(within: .seconds(600))
            }
            let task = Task { try await one.run() }
            try await leads.wait()
            try await eventually("it listens") { try server.listeners(key + ":wake:0") == 1 }
            let elections = Elections(redis)
            let deposed = try await elections.forceResignation("a", barring: .seconds(600))
            #expect(deposed?.id == "one")
            // By the announcement: its next renewal is 200 s away.
            try await ended.wait(within: .seconds(60))
            let again = try await elections.forceResignation("a")
            #expect(again == nil)
            let otherLeads = TestSignal()
            let two = try election(redis, "two") { _ in
                otherLeads.fire()
                try await TestSignal("never").wait(within: .seconds(600))
            }
            let other = Task { try await two.run() }
            try await otherLeads.wait()
            #expect(leads.count == 1)
            #expect(try server("PTTL", key + ":bar:one").int ?? 0 > 500_000)
            for task in [task, other] { task.cancel() }
            for task in [task, other] { _ = await task.result }
        }
    }

    @Test func `a body that throws resigns and ends the run with its error`() async throws {
        try await withRedis { server, redis in
            let election = try election(redis, "one") { _ in throw Failure() }
            await #expect(throws: Failure.self) { try await election.run() }
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a body that returns lets others lead`() async throws {
        try await withRedis { _, redis in
            let order = Notes<String>()
            let both = try ["one", "two"].map { id in
                let election = try election(redis, id, timing: quick) { _ in order.add(id) }
                return Task { try await election.run() }
            }
            try await eventually("both had a turn") { Set(order.all).count == 2 && order.all.count > 3 }
            for task in both { task.cancel() }
            for task in both { _ = await task.result }
        }
    }

    @Test func `a leader that cannot renew steps down before its lease can lapse`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let leads = TestSignal()
                    let left = Notes<Int>()
                    let election = try election(redis, "one", timing: quick) { _ in
                        leads.fire()
                        try? await TestSignal("never").wait(within: .seconds(60))
                        left.add(try server("EXISTS", key).int ?? -1)
                    }
                    let events = election.events()
                    let task = Task { try await election.run() }
                    try await leads.wait()
                    proxy.set(.blackHole)
                    // A process that is held up may have led twice before the link was dead.
                    try await eventually("it stepped down") { !left.all.isEmpty && election.leadership == nil }
                    proxy.set(.pass)
                    task.cancel()
                    _ = await task.result
                    var ended = false
                    for await case .lost in events { ended = true }
                    #expect(ended)
                }
            }
        }
    }

    @Test func `what a leader throws after it stepped down is no failure, even when its lease is renewed after all`()
        async throws
    {
        let timing = ElectionTiming(
            lease: .seconds(6), renewDeadline: .milliseconds(2_600), retry: .milliseconds(200))
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let renewed = TestSignal()
                    let again = TestSignal()
                    let election = try election(redis, "one", timing: timing) { leadership in
                        guard renewed.count == 0 else { return again.fire() }
                        proxy.set(.blackHole)
                        try? await TestSignal("never").wait(within: .seconds(600))
                        proxy.set(.pass)
                        proxy.cut()
                        // This task is cancelled, and waits all the same.
                        try await Task {
                            try await eventually("the lease is renewed after all") {
                                if leadership.isTrusted { renewed.fire() }
                                // A process that was held up for longer than its lease tries again in its next term.
                                return renewed.count > 0 || leadership.lease.loss != nil
                            }
                        }.value
                        throw Failure()
                    }
                    let task = Task { try await election.run() }
                    try await eventually("it leads again", within: .seconds(120)) { again.count > 0 }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                }
            }
        }
    }

    @Test func `observers see each leader and nobody, whoever tells them`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let seen = Notes<String>()
                let observing = Task {
                    for await leader in try Elections(other).observe("a") { seen.add(leader?.id ?? "-") }
                }
                try await eventually("it looks") { seen.all == ["-"] }
                let one = try election(redis, "one")
                let task = Task { try await one.run() }
                try await eventually("one is seen") { seen.all == ["-", "one"] }
                task.cancel()
                _ = await task.result
                try await eventually("its end is seen") { seen.all == ["-", "one", "-"] }
                // A leader that nobody announces: found when a message is missed.
                try server("HSET", key, "token", "t", "id", "silent", "term", "9")
                try server("PEXPIRE", key, "60000")
                try server("CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes")
                try await eventually("it is seen after the gap") { seen.all.last == "silent" }
                observing.cancel()
                _ = await observing.result
            }
        }
    }

    @Test func `elections are listed with their leaders`() async throws {
        try await withRedis { server, redis in
            for (name, id) in [("b", "x"), ("a*{}", "y")] {
                let keys = try CoordinationKeys(redis.configuration, naming: .standard).election(name)
                let _: [RedisValue] = try await redis.evaluate(
                    ElectionScripts.campaign,
                    keys: [RedisKey(keys.leader), RedisKey(keys.term), RedisKey(keys.bar(id))],
                    arguments: ["token", 60_000, id, 60_000, ":wake:0"])
            }
            let all = try await Elections(redis).all()
            #expect(all.map(\.name) == ["a*{}", "b"])
            #expect(all.map(\.leader.id) == ["y", "x"])
        }
    }

    @Test func `a candidate runs once at a time, and a closed client ends it`() async throws {
        try await withRedisServer { server in
            let redis = RedisClient(server.configuration)
            let leads = TestSignal()
            let election = try election(redis, "one", timing: quick) { _ in
                leads.fire()
                try await TestSignal("never").wait(within: .seconds(600))
            }
            let task = Task { try await election.run() }
            try await leads.wait()
            await expectError(.invalidArgument) { try await election.run() }
            await redis.close(drain: .zero)
            await expectError(.unavailable) { try await task.value }
        }
    }
}
