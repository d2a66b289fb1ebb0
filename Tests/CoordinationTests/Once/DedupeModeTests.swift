import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct DedupeModeTests {
    private struct Failure: Error {}
    private let key = "signalbox:once:{a}"
    private typealias Mode = TaskCoordinator.Mode

    /// One run that goes on until the test says so, and what it gave.
    private func whileRunning(
        _ tasks: TaskCoordinator, _ mode: TaskCoordinator.Mode, failing: Bool = false,
        onFailure: TaskCoordinator.FailurePolicy = .release, _ body: () async throws -> Void
    ) async throws -> Result<TaskCoordinator.Deduplicated<Int>, any Error> {
        let running = TestSignal()
        let finish = TestSignal()
        let task = Task {
            try await tasks.dedupe("a", mode: mode, onFailure: onFailure) { _ in
                running.fire()
                try await finish.wait(within: .seconds(60))
                if failing { throw Failure() }
                return 1
            }
        }
        try await running.wait()
        try await body()
        finish.fire()
        return await task.result
    }

    @Test func `until finished: refused while it runs, free afterwards`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis, owner: "me")
            let first = try await whileRunning(tasks, .untilFinished) {
                let outcome = try await tasks.dedupe("a", mode: .untilFinished) { _ in 2 }
                guard case .inProgress("me", _) = outcome else { return fail("\(outcome)") }
            }
            guard case .executed(1, takenOver: false) = try first.get() else { return fail("\(first)") }
            guard case .executed(2, takenOver: false) = try await tasks.dedupe("a", mode: .untilFinished, { _ in 2 })
            else { return fail("not free") }
            #expect((1...60_000).contains(try server("PTTL", key).int ?? -1), "what is left has a time to live")
        }
    }

    @Test func `until finished: who waits for a run that succeeds is a duplicate, of one that fails the next owner`()
        async throws
    {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            for failing in [false, true] {
                let follower = Notes<Task<TaskCoordinator.Deduplicated<Int>, any Error>>()
                _ = try await whileRunning(tasks, .untilFinished, failing: failing) {
                    follower.add(
                        Task {
                            try await tasks.dedupe("a", mode: .untilFinished, followers: .wait(.seconds(120))) { _ in
                                2
                            }
                        })
                    try await eventually("it listens") { try server.listeners(key + ":wake:0") == 1 }
                    try await eventually("it has asked again") { try server.calls(of: "evalsha") > 0 }
                }
                switch (failing, try await follower.all[0].value) {
                case (false, .duplicate), (true, .executed(2, _)): break
                case (_, let outcome): fail("failing \(failing): \(outcome)")
                }
            }
        }
    }

    @Test func `throttle: the first in a window runs, and the window is the claim's, not the run's`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let mode = Mode.throttle(.seconds(600))
            _ = try await whileRunning(tasks, mode) {
                // As if the run had begun 500 s ago.
                let began = try #require(server("HGET", key, "began").string.flatMap { Int($0) })
                try server("HSET", key, "began", "\(began - 500_000_000)")
            }
            guard case .duplicate = try await tasks.dedupe("a", mode: mode, { _ in 2 }) else {
                return fail("ran twice")
            }
            #expect((1...100_000).contains(try server("PTTL", key).int ?? -1))
            try server("DEL", key)
            guard case .executed(3, takenOver: false) = try await tasks.dedupe("a", mode: mode, { _ in 3 }) else {
                return fail("not run after the window")
            }
        }
    }

    @Test func `throttle: a run longer than its window frees the task at its end`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let mode = Mode.throttle(.seconds(5))
            _ = try await whileRunning(tasks, mode) { try server("HSET", key, "began", "1") }
            guard case .executed = try await tasks.dedupe("a", mode: mode, { _ in 2 }) else { return fail("not free") }
        }
    }

    @Test func `throttle: released on completion it may run again within the window`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis)
            let mode = Mode.throttle(.seconds(60), releaseOn: .completion)
            for number in 1...2 {
                guard
                    case .executed(number, takenOver: false) = try await tasks.dedupe("a", mode: mode, { _ in number })
                else { return fail("not run") }
            }
        }
    }

    @Test func `a failure frees the task or is remembered until the window's end`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            for mode in [Mode.throttle(.seconds(600)), .throttle(.seconds(600), releaseOn: .completion)] {
                await #expect(throws: Failure.self) {
                    try await tasks.dedupe("a", mode: mode) { _ -> Int in throw Failure() }
                }
                #expect(try server("EXISTS", key) == 0)
                await #expect(throws: Failure.self) {
                    try await tasks.dedupe("a", mode: mode, onFailure: .remember) { _ -> Int in throw Failure() }
                }
                await expectError(.taskFailed) { try await tasks.dedupe("a", mode: mode) { _ in 1 } }
                #expect((500_000...600_000).contains(try server("PTTL", key).int ?? -1))
                let forgotten = try await tasks.forget("a")
                #expect(forgotten)
            }
            await expectError(.invalidArgument) {
                try await tasks.dedupe("a", mode: .untilFinished, onFailure: .remember) { _ in 1 }
            }
        }
    }

    @Test(arguments: [TaskCoordinator.Mode.untilFinished, .throttle(.seconds(60))])
    func `a crashed owner is followed when its lease lapses`(mode: TaskCoordinator.Mode) async throws {
        try await withRedis { server, redis in
            let _: [RedisValue] = try await redis.evaluate(
                OnceScripts.claim, keys: [RedisKey(key)], arguments: ["dead", 300, 60_000, "dead", 0, ""])
            let outcome = try await TaskCoordinator(redis).dedupe("a", mode: mode, followers: .wait(.seconds(60))) {
                _ in 2
            }
            guard case .executed(2, takenOver: true) = outcome else { return fail("\(outcome)") }
            #expect(try server("HGET", key, "attempts") == "2")
        }
    }

    @Test func `a body without a result, or without its lease, is guarded too`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let runs = Notes<Int>()
            for _ in 0..<2 { _ = try await tasks.once("a") { _ in runs.add(1) } }
            for _ in 0..<2 { _ = try await tasks.once("b") { runs.add(2) } }
            let values = [try await tasks.once("c") { 7 }, try await tasks.once("c") { 8 }]
            #expect(runs.all == [1, 2])
            guard case .executed(7, _) = values[0], case .alreadyDone(7) = values[1] else { return fail("\(values)") }
        }
    }

    @Test func `inspect tells what is known, and release takes a running task from its owner`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis, owner: "me")
            let nothing = try await tasks.inspect("a")
            #expect(nothing == nil)
            let running = TestSignal()
            let owner = Task {
                try await tasks.once("a", lease: .seconds(600)) { lease in
                    running.fire()
                    _ = await lease.waitUntilLost()
                    return 1
                }
            }
            try await running.wait()
            let state = try #require(await tasks.inspect("a"))
            #expect(state.phase == .running && state.owner == "me" && state.attempts == 1)
            #expect(state.leaseLeft.map { $0 > .zero && $0 <= .seconds(600) } == true)
            let forgotten = try await tasks.forget("a")
            #expect(!forgotten, "a running one is left alone")
            let released = try await tasks.release("a")
            #expect(released?.fence == state.fence)
            let outcome = try await tasks.once("a") { _ in 2 }
            guard case .executed(2, takenOver: false) = outcome else { return fail("\(outcome)") }
            // Its next renewal tells the owner; by itself that is minutes away.
            tasks.engine.renewals.hurry()
            await expectError(.lockLost) { try await owner.value }
            let done = try #require(await tasks.inspect("a"))
            #expect(done.phase == .done && done.leaseLeft == nil && done.retentionLeft > .seconds(80_000))
            let last = try await tasks.release("a")
            #expect(last?.phase == .done)
            let none = try await tasks.release("a")
            #expect(none == nil)
        }
    }
}
