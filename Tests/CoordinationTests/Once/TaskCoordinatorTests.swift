import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct TaskCoordinatorTests {
    private struct Failure: Error {}
    private struct Invoice: Codable, Sendable, Equatable {
        var number: Int
        var total: Double
    }
    private let key = "signalbox:once:{a}"

    @Test func `the first runs, later ones get its stored result`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let invoice = Invoice(number: 7, total: 1.5)
            let runs = Notes<Int>()
            for round in 0..<3 {
                let outcome = try await tasks.once("a", keepResult: .seconds(600)) { lease in
                    runs.add(round)
                    #expect(lease.fencingToken > 0)
                    return invoice
                }
                switch (round, outcome) {
                case (0, .executed(invoice, takenOver: false)), (1..., .alreadyDone(invoice)): break
                default: Issue.record("round \(round): \(outcome)")
                }
            }
            #expect(runs.all == [0])
            #expect((500_000...600_000).contains(try server("PTTL", key).int ?? 0))
        }
    }

    @Test func `a first run costs two round trips, a duplicate one`() async throws {
        try await withRedis { server, redis in
            try server.load(OnceScripts.claim, OnceScripts.finish)
            let tasks = TaskCoordinator(redis)
            // Too long for a renewal to come in between.
            _ = try await tasks.once("a", lease: .seconds(600)) { _ in 1 }
            #expect(try server.calls(of: "evalsha") == 2)
            _ = try await tasks.once("a") { _ in 1 }
            #expect(try server.calls(of: "evalsha") == 3)
        }
    }

    @Test func `a follower that skips learns who is at it`() async throws {
        try await withRedis { _, redis in
            let running = TestSignal()
            let finish = TestSignal()
            let first = Task {
                try await TaskCoordinator(redis, owner: "worker-1").once("a", lease: .seconds(600)) { _ in
                    running.fire()
                    try await finish.wait(within: .seconds(120))
                    return 1
                }
            }
            try await running.wait()
            let outcome = try await TaskCoordinator(redis).once("a") { _ in 2 }
            guard case .inProgress("worker-1", let left) = outcome else { return fail("\(outcome)") }
            #expect(left > .seconds(300) && left <= .seconds(600))
            finish.fire()
            _ = try await first.value
        }
    }

    @Test func `followers wait for the result and are woken by it`() async throws {
        try await withRedis { server, redis in
            let running = TestSignal()
            let finish = TestSignal()
            let first = Task {
                try await TaskCoordinator(redis).once("a", lease: .seconds(600)) { _ in
                    running.fire()
                    try await finish.wait(within: .seconds(120))
                    return 1
                }
            }
            try await running.wait()
            try await withClient(server.configuration) { other in
                let followers = (0..<20).map { number in
                    Task {
                        try await TaskCoordinator(number.isMultiple(of: 2) ? redis : other)
                            .once("a", followers: .wait(.seconds(120))) { _ in 2 }
                    }
                }
                let engines = [redis, other].map(CoordinationEngine.of)
                try await eventually("all wait") {
                    try engines.reduce(0) { $0 + $1.waits.waiting(on: key + ":wake:0") } == 20
                        && server.listeners(key + ":wake:0") == 2
                }
                finish.fire()
                for follower in followers {
                    let outcome = try await follower.value
                    guard case .alreadyDone(1) = outcome else { return fail("\(outcome)") }
                }
            }
            _ = try await first.value
        }
    }

    @Test func `a follower's wait that is over throws taskInProgress`() async throws {
        try await withRedis { _, redis in
            let running = TestSignal()
            let finish = TestSignal()
            let first = Task {
                try await TaskCoordinator(redis).once("a") { _ in
                    running.fire()
                    try await finish.wait(within: .seconds(120))
                    return 1
                }
            }
            try await running.wait()
            await expectError(.taskInProgress) {
                try await TaskCoordinator(redis).once("a", followers: .wait(.milliseconds(50))) { _ in 2 }
            }
            finish.fire()
            _ = try await first.value
        }
    }

    @Test(arguments: [true, false])
    func `a crashed owner is followed when its lease lapses`(waiting: Bool) async throws {
        try await withRedis { server, redis in
            // What a process leaves that was killed while it ran the task.
            let claimed: [RedisValue] = try await redis.evaluate(
                OnceScripts.claim, keys: [RedisKey(key)], arguments: ["dead", 300, 60_000, "dead-owner", 0, ""])
            guard case .integer(let fence) = claimed[1] else { return fail("\(claimed)") }
            let tasks = TaskCoordinator(redis)
            if !waiting {
                try await eventually("lapsed") {
                    try await redis.evaluate(
                        OnceScripts.check, keys: [RedisKey(key)], arguments: ["dead"], as: Int.self) == 0
                }
            }
            let outcome = try await tasks.once("a", followers: waiting ? .wait(.seconds(60)) : .skip) { lease in
                #expect(lease.fencingToken > fence)
                return 2
            }
            guard case .executed(2, takenOver: true) = outcome else { return fail("\(outcome)") }
            // The dead one comes back: its result is discarded.
            let late: Int = try await redis.evaluate(
                OnceScripts.finish, keys: [RedisKey(key)],
                arguments: ["dead", "done", "result", "9", 60_000, ":wake:0", 0, 60_000])
            #expect(late == -1)
            guard case .alreadyDone(2) = try await tasks.once("a", { _ in 3 }) else { return fail("overwritten") }
        }
    }

    @Test func `an owner that lost the task throws lockLost and its result is discarded`() async throws {
        try await withRedis { server, redis in
            let running = TestSignal()
            let finish = TestSignal()
            let slow = Task {
                // No renewal undoes what the test does to the record.
                try await TaskCoordinator(redis).once("a", lease: .seconds(600)) { _ in
                    running.fire()
                    try await finish.wait(within: .seconds(120))
                    return 1
                }
            }
            try await running.wait()
            // Taken over behind its back.
            try server("HSET", key, "until", "1")
            let outcome = try await TaskCoordinator(redis).once("a") { _ in 2 }
            guard case .executed(2, takenOver: true) = outcome else { return fail("\(outcome)") }
            finish.fire()
            await expectError(.lockLost) { try await slow.value }
            guard case .alreadyDone(2) = try await TaskCoordinator(redis).once("a", { _ in 3 }) else {
                return fail("overwritten")
            }
        }
    }

    @Test func `the lease of a long task is renewed`() async throws {
        try await withRedis { _, redis in
            // A process that is held up for longer than a lease loses it, as it should: then a longer one.
            for (number, seconds) in [3, 15, 90].enumerated() {
                let held = TestSignal()
                do {
                    let tasks = TaskCoordinator(redis)
                    let outcome = try await tasks.once("\(number)", lease: .seconds(seconds)) { lease in
                        let trust = lease.trustedUntil
                        try await eventually("renewed", within: .seconds(60)) {
                            lease.trustedUntil > trust + .milliseconds(500)
                        }
                        if try await lease.isHeld() { held.fire() }
                        return 1
                    }
                    guard case .executed(1, takenOver: false) = outcome else { return fail("\(outcome)") }
                    #expect(held.count == 1)
                    return
                } catch let error as CoordinationError where [.lockLost, .unavailable].contains(error.code) {
                    continue
                }
            }
            fail("the longest lease was lost too")
        }
    }

    @Test func `a failure is forgotten or remembered by policy`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis, owner: "me")
            func failing(_ policy: TaskCoordinator.FailurePolicy) async -> (any Error)? {
                await Task { try await tasks.once("a", onFailure: policy) { _ -> Int in throw Failure() } }
                    .result.failure
            }
            #expect(await failing(.release) is Failure)
            #expect(await failing(.remember) is Failure)
            let error = await expectError(.taskFailed) { try await tasks.once("a") { _ in 1 } }
            #expect(error?.message.contains("Failure") == true)
            #expect(error?.message.contains("me") == true)
            #expect(try await tasks.forget("a"))
            guard case .executed(1, takenOver: false) = try await tasks.once("a", { _ in 1 }) else {
                return fail("not run after forget")
            }
        }
    }

    @Test func `a cancelled task is free again, whatever the policy`() async throws {
        try await withRedis { server, redis in
            let running = TestSignal()
            let task = Task {
                try await TaskCoordinator(redis).once("a", onFailure: .remember) { _ in
                    running.fire()
                    try await TestSignal("never").wait(within: .seconds(60))
                    return 1
                }
            }
            try await running.wait()
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a result that cannot be stored is returned, and later callers are told`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis, longestResult: 10)
            let long = String(repeating: "x", count: 100)
            guard case .executed(long, takenOver: false) = try await tasks.once("a", { _ in long }) else {
                return fail("not executed")
            }
            await expectError(.resultUnavailable) { try await tasks.once("a") { _ in "" } }
            guard case .executed = try await tasks.once("b", { _ in Double.nan }) else {
                return fail("not executed")
            }
            await expectError(.resultUnavailable) { try await tasks.once("b") { _ in 1.0 } }
        }
    }

    @Test func `a result of another type is not decoded into nonsense and not run again`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis)
            _ = try await tasks.once("a") { _ in "text" }
            let error = await expectError(.resultUnavailable) { try await tasks.once("a") { _ in 7 } }
            #expect(error?.underlying is DecodingError)
        }
    }

    @Test func `after the window the task runs again`() async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            _ = try await tasks.once("a", keepResult: .milliseconds(1)) { _ in 1 }
            try await eventually("forgotten") { try server("EXISTS", key) == 0 }
            guard case .executed(2, takenOver: false) = try await tasks.once("a", { _ in 2 }) else {
                return fail("not run")
            }
        }
    }

    @Test func `a body that gives the task back leaves it free`() async throws {
        try await withRedis { server, redis in
            let outcome = try await TaskCoordinator(redis).once("a") { lease in
                try await lease.release()
                return 1
            }
            guard case .executed(1, takenOver: false) = outcome else { return fail("\(outcome)") }
            #expect(try server("EXISTS", key) == 0)
        }
    }

    /// The server's clock went back by an hour while a task was claimed by an owner that died.
    @Test func `a jump of the server's clock does not block a task for its length`() async throws {
        try await withRedis { server, redis in
            let _: [RedisValue] = try await redis.evaluate(
                OnceScripts.claim, keys: [RedisKey(key)], arguments: ["dead", 200, 60_000, "dead-owner", 0, ""])
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("HSET", key, "until", "\((time[0] + 3_600) * 1_000_000)")
            let outcome = try await TaskCoordinator(redis).once("a", followers: .wait(.seconds(60))) { _ in 1 }
            guard case .executed(1, takenOver: true) = outcome else { return fail("\(outcome)") }
        }
    }

    @Test func `a record of another program is an error`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: [key])) { server, redis in
            try server("SET", key, "x")
            await expectError(.unavailable) { try await TaskCoordinator(redis).once("a") { _ in 1 } }
        }
    }

    @Test func `a hundred callers run it once`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let runs = Notes<Int>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<100 {
                        group.addTask {
                            let tasks = TaskCoordinator(number.isMultiple(of: 2) ? redis : other)
                            let outcome = try await tasks.once("a", followers: .wait(nil)) { _ in
                                runs.add(number)
                                await Task.yield()
                                return number
                            }
                            switch outcome {
                            case .executed(let value, _), .alreadyDone(let value): #expect(value == runs.all.first)
                            case .inProgress: Issue.record("a waiting follower does not skip")
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(runs.all.count == 1)
            }
        }
    }
}
