import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct BarrierTests {
    private let key = "signalbox:barrier:{a}"

    @Test func `everybody passes together, generation after generation`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let steps = Notes<Int>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        let barrier = try Barrier(number.isMultiple(of: 2) ? redis : other, name: "a", count: 4)
                        group.addTask {
                            for step in 1...5 {
                                // Nobody may begin a step before everybody ended the last one.
                                #expect(steps.all.count { $0 == step - 1 } == (step == 1 ? 0 : 4))
                                steps.add(step)
                                let generation = try await barrier.arrive(as: "\(number)", within: .seconds(120))
                                #expect(generation == step)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(steps.all.count == 20)
            }
        }
    }

    @Test func `one that does not come breaks it for everybody, and the next generation works`() async throws {
        try await withRedis { server, redis in
            let barrier = try Barrier(redis, name: "a", count: 3)
            let long = Task { try await barrier.arrive(as: "x", within: .seconds(120)) }
            try await eventually("x is here") { try server("HGET", key, "here") == "1" }
            await expectError(.barrierBroken) { try await barrier.arrive(as: "y", within: .milliseconds(100)) }
            await expectError(.barrierBroken) { try await long.value }
            let all = ["x", "y", "z"].map { id in Task { try await barrier.arrive(as: id, within: .seconds(120)) } }
            for task in all {
                let generation = try await task.value
                #expect(generation == 2)
            }
        }
    }

    @Test func `one that is cancelled breaks it for everybody`() async throws {
        try await withRedis { server, redis in
            let barrier = try Barrier(redis, name: "a", count: 3)
            let tasks = ["x", "y"].map { id in Task { try await barrier.arrive(as: id, within: .seconds(120)) } }
            try await eventually("both are here") { try server("HGET", key, "here") == "2" }
            tasks[0].cancel()
            await #expect(throws: CancellationError.self) { try await tasks[0].value }
            await expectError(.barrierBroken) { try await tasks[1].value }
        }
    }

    /// All who waited were killed: the first of the next attempt must not meet their arrivals.
    @Test func `a generation whose deadline has passed does not count for the next`() async throws {
        try await withRedis { server, redis in
            for id in ["x", "y"] { _ = try await arrive(redis, id, "dead-\(id)", span: 30_000) }
            try server("HSET", key, "until", "1")
            let reply = try await arrive(redis, "z", "new", span: 30_000)
            #expect(reply == [2, 2])
        }
    }

    @Test func `a participant that comes back in the same generation counts once`() async throws {
        try await withRedis { _, redis in
            let replies = [
                try await arrive(redis, "x", "one", span: 30_000), try await arrive(redis, "x", "two", span: 30_000),
                try await arrive(redis, "y", "three", span: 30_000), try await arrive(redis, "z", "four", span: 30_000),
                // The last one's reply was lost: it completed the generation, and is not the next one's first.
                try await arrive(redis, "z", "four", span: 30_000), try await arrive(redis, "z", "five", span: 30_000),
            ]
            #expect(replies == [[1, 2], [1, 2], [1, 1], [1, 0], [1, 0], [2, 2]])
        }
    }

    @Test(arguments: [false, true])
    func `an arrival whose reply was lost counts once`(executed: Bool) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(BarrierScripts.arrive, BarrierScripts.look)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let script = BarrierScripts.arrive.sha
                    _ = try await arrive(redis, "x", "one", of: 2, span: 300_000)
                    proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                    let barrier = try Barrier(redis, name: "a", count: 2)
                    let generation = try await barrier.arrive(as: "y", within: .seconds(120))
                    #expect(proxy.faultDone.count == 1)
                    #expect(generation == 1)
                    #expect(try server("HGET", key, "gen") == "2")
                    #expect(try server("HGET", key, "here") == "0")
                }
            }
        }
    }

    @Test func `a jump of the server's clock does not move a deadline by its length`() async throws {
        try await withRedis { server, redis in
            _ = try await arrive(redis, "dead", "one", span: 200)
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("HSET", key, "until", "\((time[0] + 3_600) * 1_000_000)")
            await expectError(.barrierBroken) {
                try await Barrier(redis, name: "a", count: 3).arrive(as: "y", within: .milliseconds(600))
            }
        }
    }

    @Test func `a flush breaks it for who waits`() async throws {
        try await withRedis { server, redis in
            let barrier = try Barrier(redis, name: "a", count: 2)
            let waiter = Task { try await barrier.arrive(as: "x", within: .seconds(120)) }
            try await eventually("it listens") { try server.listeners(key + ":wake:0") == 1 }
            try server("FLUSHALL")
            try server("PUBLISH", key + ":wake:0", "")
            await expectError(.barrierBroken) { try await waiter.value }
        }
    }

    @Test func `another number, and a wait longer than the record's life, are refused`() async throws {
        try await withRedis { _, redis in
            _ = try await arrive(redis, "x", "one", span: 30_000)
            await expectError(.invalidArgument) {
                try await Barrier(redis, name: "a", count: 2).arrive(as: "x", within: .seconds(1))
            }
            await expectError(.invalidArgument) {
                try await Barrier(redis, name: "b", count: 2, ttl: .seconds(1)).arrive(as: "x", within: .seconds(2))
            }
        }
    }

    private func arrive(
        _ redis: RedisClient, _ id: String, _ token: String, of need: Int = 3, span: Int
    ) async throws -> [Int] {
        try await redis.evaluate(
            BarrierScripts.arrive, keys: [RedisKey(key)], arguments: [need, id, token, span, 600_000, ":wake:0"])
    }

    @Test func `an arrival that is repeated after its generation broke is told so`() async throws {
        try await withRedis { _, redis in
            let arrive = { (who: String) -> [Int] in
                try await redis.evaluate(
                    BarrierScripts.arrive, keys: [RedisKey(key)],
                    arguments: [3, who, "token-" + who, 30_000, 60_000, ":wake:0"])
            }
            #expect(try await arrive("a") == [1, 2])
            #expect(try await arrive("b") == [1, 1])
            let broken: Int = try await redis.evaluate(
                BarrierScripts.look, keys: [RedisKey(key)], arguments: [1, 1, ":wake:0"])
            #expect(broken == -1)
            // Its reply was lost: it must not pass alone.
            let again = try await arrive("a")
            #expect(again[1] != 0)
        }
    }
}
