import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct DebounceTests {
    private let key = "signalbox:once:{a}"
    private let pending = "signalbox:once:{a}:pending"

    /// Keeps the task running, so that no call of it is run before `free`, however late this process is.
    private func occupy(_ redis: RedisClient) async throws {
        let _: [RedisValue] = try await redis.evaluate(
            OnceScripts.claim, keys: [RedisKey(key)], arguments: ["test", 600_000, 60_000, "test", 0, ""])
    }

    private func free(_ redis: RedisClient) async throws {
        let freed: Int = try await redis.evaluate(
            OnceScripts.release, keys: [RedisKey(key)], arguments: ["test", ":wake:0"])
        #expect(freed == 1)
    }

    @Test(arguments: [TaskCoordinator.Followers.skip, .wait(.seconds(120))])
    func `of a burst in the fleet one runs, with the newest payload`(followers: TaskCoordinator.Followers) async throws
    {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                // Calls that a busy machine kept apart for longer than the quiet time are no burst: then a longer one.
                for quiet in [Duration.milliseconds(700), .seconds(5), .seconds(25)] {
                    let runs = Notes<Int>()
                    var calls: [Task<TaskCoordinator.Debounced<Int>, any Error>] = []
                    var newest = 0
                    var bursts: Set<String> = []
                    for number in 0..<10 {
                        let tasks = TaskCoordinator(number.isMultiple(of: 2) ? redis : other)
                        calls.append(
                            Task {
                                try await tasks.debounce("a", payload: number, quiet: quiet, followers: followers) {
                                    payload, _ in
                                    runs.add(payload)
                                    return payload
                                }
                            })
                        try await eventually("call \(number) is the newest, or was") {
                            let fields = try server("HMGET", pending, "payload", "first").strings
                            if fields.count == 2, fields[0] == "\(number)" {
                                newest += 1
                                bursts.insert(fields[1])
                                return true
                            }
                            return runs.all.contains(number)
                        }
                    }
                    var executed = 0
                    for call in calls {
                        if case .executed(9, takenOver: false) = try await call.value { executed += 1 }
                    }
                    guard newest == 10, bursts.count == 1 else { continue }
                    #expect(executed == 1)
                    #expect(runs.all == [9])
                    #expect(try server("EXISTS", pending) == 0)
                    return
                }
                fail("no ten calls were close enough together")
            }
        }
    }

    @Test func `a longest wait ends a burst that does not end`() async throws {
        try await withRedis { server, redis in
            let put = { (token: String) -> Int in
                let reply: [Int] = try await redis.evaluate(
                    DebounceScripts.put, keys: [RedisKey(pending), RedisKey(key)],
                    arguments: [token, "1", 1_000_000, 1_500_000, 60_000, ""])
                return reply[0]
            }
            let first = try await put("one")
            #expect(first == 1_000_000)
            let began = try #require(server("HGET", pending, "first").string.flatMap { Int($0) })
            try server("HSET", pending, "first", "\(began - 1_200_000_000)")
            let second = try await put("two")
            #expect((1...300_000).contains(second))
            try server("HSET", pending, "first", "\(began - 2_000_000_000)")
            let overdue = try await put("three")
            #expect(overdue == 0)
        }
    }

    @Test func `a due call whose caller died is taken over by one that waits`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            try await occupy(redis)
            let follower = Task {
                try await tasks.debounce("a", payload: 1, quiet: .milliseconds(300), followers: .wait(.seconds(120))) {
                    payload, _ in payload
                }
            }
            try await eventually("it has called") { try server("HGET", pending, "payload") == "1" }
            // A newer call of a process that was killed, due and past its grace.
            let _: [Int] = try await redis.evaluate(
                DebounceScripts.put, keys: [RedisKey(pending), RedisKey(key)],
                arguments: ["dead", "2", 1, 0, 60_000, ""])
            try server("HSET", pending, "due", "1")
            try await free(redis)
            let outcome = try await follower.value
            guard case .executed(2, takenOver: false) = outcome else { return fail("\(outcome)") }
        }
    }

    @Test func `a run whose owner died is taken over by one that waits, with its payload`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let _: [Int] = try await redis.evaluate(
                DebounceScripts.put, keys: [RedisKey(pending), RedisKey(key)],
                arguments: ["dead", "5", 1, 0, 60_000, ""])
            try server("HSET", pending, "due", "1")
            let taken: [RedisValue] = try await redis.evaluate(
                DebounceScripts.take, keys: [RedisKey(key), RedisKey(pending)],
                arguments: ["lease", 400, 60_000, "dead", "dead", 5_000, 0])
            #expect(taken.count == 4)
            // The same request again, its reply lost, finds its own run.
            let again: [RedisValue] = try await redis.evaluate(
                DebounceScripts.take, keys: [RedisKey(key), RedisKey(pending)],
                arguments: ["lease", 400, 60_000, "dead", "dead", 5_000, 0])
            #expect(again == taken)
            let request = try OnceRequest(
                tasks, "a", lease: .seconds(30), ending: OnceEnding(.untilFinished, .release))
            let waiting = try DebounceWait(request, pending: pending, .wait(.seconds(120)))
            // A call that has been superseded: somebody else's is newer.
            let quiet = try LeaseTime(.milliseconds(1), "the quiet time", operation: "debounce")
            let turn = try await waiting.turn(Array("6".utf8), order: nil, quiet: quiet, most: nil)
            guard case .run(let lease, let takenOver, let payload) = turn else { return fail("\(turn)") }
            #expect(takenOver && payload == Array("6".utf8), "the newest call replaces the dead one's run")
            try await lease.release()
        }
    }

    @Test func `runs do not overlap`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let inside = Occupancy()
            let running = TestSignal()
            let finish = TestSignal()
            let calls = (0..<2).map { number in
                Task {
                    if number == 1 { try await running.wait(within: .seconds(60)) }
                    return try await tasks.debounce("a", payload: number, quiet: .milliseconds(1)) { payload, _ in
                        inside.enter()
                        defer { inside.leave() }
                        running.fire()
                        if number == 0 { try await finish.wait(within: .seconds(120)) }
                        return payload
                    }
                }
            }
            try await eventually("the second one is due") { try server("HGET", pending, "payload") == "1" }
            finish.fire()
            for (number, call) in calls.enumerated() {
                guard case .executed(number, takenOver: false) = try await call.value else { return fail("\(number)") }
            }
            #expect(inside.most == 1)
        }
    }

    @Test func `a body that throws is not tried again`() async throws {
        struct Failure: Error {}
        try await withRedis { server, redis in
            await #expect(throws: Failure.self) {
                try await TaskCoordinator(redis).debounce("a", payload: 1, quiet: .milliseconds(1)) { _, _ in
                    throw Failure()
                }
            }
            let fields = try server("HMGET", key, "state", "payload").array
            #expect(fields?.first == "freed")
            #expect(fields?.last?.string == nil)
        }
    }

    @Test func `times and payloads that cannot be are refused`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis, longestResult: 10)
            await expectError(.invalidArgument) {
                try await tasks.debounce("a", payload: 1, quiet: .zero) { _, _ in }
            }
            await expectError(.invalidArgument) {
                try await tasks.debounce("a", payload: 1, quiet: .seconds(2), maxWait: .seconds(1)) { _, _ in }
            }
            await expectError(.invalidArgument) {
                try await tasks.debounce("a", payload: String(repeating: "x", count: 20), quiet: .seconds(1)) { _, _ in
                }
            }
        }
    }

    @Test(arguments: [false, true], ["put", "take"])
    func `a lost reply leaves one effect`(executed: Bool, step: String) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(DebounceScripts.put, DebounceScripts.take, OnceScripts.finish)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let script = step == "put" ? DebounceScripts.put.sha : DebounceScripts.take.sha
                    proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                    let runs = Notes<Int>()
                    let outcome = try await TaskCoordinator(redis).debounce("a", payload: 7, quiet: .milliseconds(5)) {
                        payload, _ in runs.add(payload)
                    }
                    #expect(proxy.faultDone.count == 1)
                    guard case .executed = outcome else { return fail("\(outcome)") }
                    #expect(runs.all == [7])
                }
            }
        }
    }

    @Test func `a jump of the server's clock does not move a run by its length`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            try await occupy(redis)
            let call = Task {
                try await tasks.debounce("a", payload: 1, quiet: .milliseconds(400)) { payload, _ in payload }
            }
            try await eventually("it has called") { try server("EXISTS", pending) == 1 }
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("HSET", pending, "due", "\((time[0] + 3_600) * 1_000_000)")
            try await free(redis)
            // Cut to the quiet time at each look, so the test moves it back as the clock would go on.
            let before = try server.calls(of: "evalsha") + server.calls(of: "eval")
            try await eventually("it has looked") {
                try server.calls(of: "evalsha") + server.calls(of: "eval") > before
            }
            try server("HSET", pending, "due", "\(time[0] * 1_000_000)")
            guard case .executed(1, takenOver: false) = try await call.value else { return fail("not run") }
        }
    }

    @Test func `the newest is the one with the largest place, and one that was run is not run again`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let runs = Notes<Int>()
            func call(_ number: Int) -> Task<Void, any Error> {
                Task {
                    _ = try await tasks.debounce("a", payload: number, order: Int64(number), quiet: .milliseconds(500))
                    {
                        payload, _ in runs.add(payload)
                    }
                }
            }
            let newest = call(9)
            // It may have been run already when this process comes to look.
            try await eventually("it has called") { try server("HGET", pending, "order") == "9" || runs.all == [9] }
            let older = call(3)
            try await older.value
            try await newest.value
            try await call(9).value
            try await call(4).value
            #expect(runs.all == [9])
            try await call(10).value
            #expect(runs.all == [9, 10])
        }
    }

    private struct BodyFailure: Error {}

    @Test func `a run that fails still supersedes older calls`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis)
            await #expect(throws: BodyFailure.self) {
                try await tasks.debounce("a", payload: 1, order: 100, quiet: .milliseconds(1)) { _, _ in
                    throw BodyFailure()
                }
            }
            for order in [50, 100] as [Int64] {
                let outcome = try await tasks.debounce("a", payload: 2, order: order, quiet: .milliseconds(1)) {
                    payload, _ in payload
                }
                guard case .superseded = outcome else { return fail("\(outcome)") }
            }
        }
    }

    @Test func `a run that was taken and not begun is left to one that waits`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            try await occupy(redis)
            let follower = Task {
                try await tasks.debounce("a", payload: 1, quiet: .milliseconds(200), followers: .wait(.seconds(120))) {
                    payload, _ in payload
                }
            }
            try await eventually("it has called") { try server("HGET", pending, "payload") == "1" }
            let _: [Int] = try await redis.evaluate(
                DebounceScripts.put, keys: [RedisKey(pending), RedisKey(key)],
                arguments: ["newer", "2", 600_000, 0, 60_000, ""])
            // Freed, due and taken in one step: the follower cannot come in between.
            let source = "redis.call('DEL', KEYS[1]) redis.call('HSET', KEYS[2], 'due', '1')\n"
            let taken = try server(
                "EVAL", source + DebounceScripts.take.source, "2", key, pending, "lease", "600000", "60000", "host",
                "newer", "5000", "0")
            #expect(taken.array?.count == 4)
            // Its caller was cancelled in that round trip.
            let given: Int = try await redis.evaluate(
                OnceScripts.release, keys: [RedisKey(key)], arguments: ["lease", ":wake:0"])
            #expect(given == 1)
            guard case .executed(2, takenOver: true) = try await follower.value else { return fail("not run") }
        }
    }

    @Test func `a waiting call ends with a run that began after it, whatever has come since`() async throws {
        try await withRedis { server, redis in
            let put = { (token: String) -> [Int] in
                try await redis.evaluate(
                    DebounceScripts.put, keys: [RedisKey(pending), RedisKey(key)],
                    arguments: [token, "1", 1, 0, 60_000, ""])
            }
            let take = { (lease: String, token: String, putAt: Int) -> [RedisValue] in
                try server("HSET", pending, "due", "1")
                return try await redis.evaluate(
                    DebounceScripts.take, keys: [RedisKey(key), RedisKey(pending)],
                    arguments: [lease, 30_000, 60_000, "host", token, 5_000, putAt])
            }
            let early = try await put("early")
            let run = try await put("run")
            #expect(try await take("lease", "run", run[1]).count == 4)
            let late = try await put("late")
            let finished: Int = try await redis.evaluate(
                OnceScripts.finish, keys: [RedisKey(key)],
                arguments: ["lease", "freed", "", "", 60_000, ":wake:0", 0, 60_000])
            #expect(finished == 1)
            #expect(try await take("other", "early", early[1]) == [.integer(3)])
            #expect(try await take("next", "late", late[1]).count == 4)
        }
    }
}
