import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// The flaws of task coordination and deduplication in requirements 001 to 003, one test each.
///
/// Elsewhere: durations below a millisecond (`SeedRegressionTests`), lost replies (`LostReplyTests`).
@Suite struct TaskSeedRegressionTests {
    private struct Failure: Error {}
    private let key = "signalbox:once:{a}"

    @Test func `001 a task longer than its lock is refreshed and stays one`() async throws {
        try await withRedis { server, redis in
            // A process that is held up for longer than a lease loses it, as it should: then a longer one.
            for length in [Duration.milliseconds(900), .seconds(6), .seconds(40)] {
                do {
                    let outcome = try await TaskCoordinator(redis).dedupe(
                        "a", mode: .untilFinished, lease: length
                    ) { lease in
                        let began = lease.trustedUntil
                        try await eventually("longer than the lease", within: .seconds(120)) {
                            lease.trustedUntil > began + length + .milliseconds(100)
                        }
                        let other = try await TaskCoordinator(redis).dedupe("a", mode: .untilFinished) { _ in 1 }
                        // Only of a lease that is still held does the other's answer say anything.
                        try lease.checkValid()
                        guard case .inProgress = other else { return fail("\(other)") }
                    }
                    guard case .executed = outcome else { return fail("\(outcome)") }
                    return
                } catch let error as CoordinationError where [.lockLost, .unavailable].contains(error.code) {
                    continue
                }
            }
            fail("the longest lease was lost too")
        }
    }

    @Test func `001 a task's writes are fenced`() async throws {
        try await withRedis { _, redis in
            let tasks = TaskCoordinator(redis)
            var fences: [Int64] = []
            for _ in 0..<3 {
                guard
                    case .executed(let fence, _) = try await tasks.dedupe(
                        "a", mode: .untilFinished, { $0.fencingToken })
                else { return fail("not run") }
                fences.append(fence)
            }
            #expect(fences == fences.sorted() && Set(fences).count == 3)
        }
    }

    @Test(arguments: [TaskCoordinator.Mode.untilFinished, .throttle(.seconds(600))])
    func `001 a cancelled task gives its claim back`(mode: TaskCoordinator.Mode) async throws {
        try await withRedis { server, redis in
            let running = TestSignal()
            let task = Task {
                try await TaskCoordinator(redis).dedupe("a", mode: mode) { _ in
                    running.fire()
                    try await TestSignal("never").wait(within: .seconds(60))
                }
            }
            try await running.wait()
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `001 a mark is set and its time to live with it, in one step`() async throws {
        try await withRedis { server, redis in
            _ = try await TaskCoordinator(redis).dedupe("a", mode: .throttle(.seconds(60))) { _ in
                let left = try server("PTTL", "signalbox:once:{a}").int ?? -1
                #expect((1...90_000).contains(left))
            }
            #expect((1...60_000).contains(try server("PTTL", key).int ?? -1))
        }
    }

    @Test func `002 and 003 an eviction policy that may evict marks is told about before a task runs`() async throws {
        let options = RedisServerOptions(
            directives: ["maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"], checksLeaks: true)
        try await withRedis(options) { _, redis in
            let error = await expectError(.unsuitableServer) { try await CoordinationChecks(redis).apply(.refuse) }
            #expect(error?.message.contains("allkeys-lru") == true)
        }
    }

    @Test func `003 an outage is not taken for a task that is done or free`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            let tasks = TaskCoordinator(redis)
            await expectError(.unavailable) { try await tasks.dedupe("a", mode: .untilFinished) { _ in 1 } }
            await expectError(.unavailable) { try await tasks.dedupe("a", mode: .throttle(.seconds(1))) { _ in 1 } }
            await expectError(.unavailable) {
                try await tasks.debounce("a", payload: 1, quiet: .milliseconds(1)) { _, _ in }
            }
        }
    }

    /// What users of such modes report elsewhere: the window ended with the run, or never.
    @Test(arguments: ["flush", "scripts", "restart"])
    func `a fault of the server ends no promise but those of its memory`(fault: String) async throws {
        try await withRedis { server, redis in
            let tasks = TaskCoordinator(redis)
            let mode = TaskCoordinator.Mode.throttle(.seconds(600))
            let result = await Task {
                try await tasks.dedupe("a", mode: mode) { _ in
                    switch fault {
                    case "flush": try server("FLUSHALL")
                    case "scripts": try server("SCRIPT", "FLUSH")
                    // A task of its own: the loss cancels the body at once and must not end the start with it.
                    default: try await Task { try await server.restart() }.value
                    }
                    return 1
                }
            }.result
            if fault == "scripts" {
                guard case .success(.executed(1, _)) = result else { return fail("\(result)") }
                guard case .duplicate = try await tasks.dedupe("a", mode: mode, { _ in 2 }) else {
                    return fail("twice")
                }
            } else {
                // The run is not reported as one that holds the window, because it does not.
                #expect((result.failure as? CoordinationError)?.code == .lockLost)
                guard case .executed(2, _) = try await tasks.dedupe("a", mode: mode, { _ in 2 }) else {
                    return fail("not free")
                }
            }
        }
    }
}
