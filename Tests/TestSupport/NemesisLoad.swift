import RedisCore
import Synchronization

/// Work that goes on before, during and after a fault; nobody makes anything anew for it.
///
/// Add what is to be done, each a loop of its own; `run` lets all of them come forward, strikes, lets them try on,
/// undoes the fault, and returns when all have come forward again.
public final class NemesisLoad: Sendable {
    private struct Worker {
        let name: String
        let step: @Sendable (Int) async throws -> Void
        var tries = 0
        var successes = 0
        var lastRefusal = ""
    }

    private struct State {
        var workers: [Worker] = []
        var isOver = false
        var surprises: [String] = []
    }

    private let state = Mutex(State())
    private let isRefusal: @Sendable (any Error) -> Bool
    /// Steps that each worker has to do between two events.
    private let steps: Int

    /// `isRefusal` says which errors a fault may cause; every other one is a surprise.
    public init(steps: Int = 5, isRefusal: @escaping @Sendable (any Error) -> Bool) {
        self.steps = steps
        self.isRefusal = isRefusal
    }

    /// One more that works, step by step; it is given the number of the step, from 0.
    public func add(_ name: String, _ step: @escaping @Sendable (Int) async throws -> Void) {
        state.withLock { $0.workers.append(Worker(name: name, step: step)) }
    }

    /// Errors that no fault explains, and what steps have said.
    public var surprises: [String] { state.withLock(\.surprises) }

    /// Notes what must not be.
    public func note(_ surprise: String) { state.withLock { $0.surprises.append(surprise) } }

    /// How often steps were tried, and how often they succeeded, by worker.
    public var summary: String {
        state.withLock { state in
            state.workers.map { "\($0.name) \($0.successes) of \($0.tries)" }.joined(separator: ", ")
        }
    }

    /// Works through the fault.
    public func run(_ nemesis: Nemesis, on server: RedisServer) async throws {
        try await run(strikes: nemesis.strikes) { try await nemesis.strike(server, meanwhile: $0) }
    }

    /// Works through a fault of the test's own, which calls what it is given while it lasts.
    public func run(
        strikes: Int = 1, _ strike: (_ during: () async throws -> Void) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<state.withLock(\.workers.count) {
                group.addTask { [self] in await work(index) }
            }
            defer { state.withLock { $0.isOver = true } }
            for _ in 0..<strikes {
                try await progress("before the fault", \.successes)
                try await strike { try await progress("during the fault", \.tries) }
            }
            try await progress("after the fault", \.successes)
            state.withLock { $0.isOver = true }
            try await group.waitForAll()
        }
    }

    private func work(_ index: Int) async {
        var number = 0
        while let step = state.withLock({ $0.isOver ? nil : $0.workers[index].step }) {
            do {
                try await step(number)
                state.withLock {
                    $0.workers[index].tries += 1
                    $0.workers[index].successes += 1
                }
            } catch {
                let isExpected = isRefusal(error)
                state.withLock {
                    $0.workers[index].tries += 1
                    $0.workers[index].lastRefusal = "\(error)"
                    if !isExpected { $0.surprises.append("\($0.workers[index].name): \(error)") }
                }
                // Refused at once, as by an open circuit: the machine has other work.
                try? await EventLoop.shared.sleep(for: .milliseconds(1))
            }
            number += 1
            // A step may have had nothing to wait for, and there are few threads.
            await Task.yield()
        }
    }

    private func progress(_ when: String, _ count: KeyPath<Tally, Int>) async throws {
        let before = tallies
        do {
            try await eventually("all come forward \(when)", within: .seconds(60)) {
                zip(before, tallies).allSatisfy { $0[keyPath: count] + steps <= $1[keyPath: count] }
            }
        } catch {
            throw TestTimeout("\(error); \(summary); \(state.withLock { $0.workers.map(\.lastRefusal) })")
        }
    }

    private struct Tally {
        let tries: Int
        let successes: Int
    }

    private var tallies: [Tally] {
        state.withLock { $0.workers.map { Tally(tries: $0.tries, successes: $0.successes) } }
    }
}
