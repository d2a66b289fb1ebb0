import Synchronization
import TestSupport
import Testing

@testable import Cache

/// What a test loads from: counts, can be held up, can fail.
final class Source: Sendable {
    struct Failure: Error, Equatable { var number = 0 }

    /// Fires when a load begins.
    let began = TestSignal("a load began")
    private let gate = TestSignal("the source answers")
    private struct State {
        var value: Int?
        var isHeld = false
        var failure: Failure?
        var loads = 0
    }
    private let state: Mutex<State>

    init(_ value: Int? = 1) { state = Mutex(State(value: value)) }

    var loads: Int { state.withLock(\.loads) }
    func set(_ value: Int?) { state.withLock { $0.value = value } }
    func fail(_ failure: Failure?) { state.withLock { $0.failure = failure } }
    /// Loads that begin from now on answer after ``release()``.
    func hold() { state.withLock { $0.isHeld = true } }
    /// All loads answer.
    func release() {
        state.withLock { $0.isHeld = false }
        gate.fire()
    }

    /// The value as it is when the load begins.
    func load() async throws -> Int? {
        let (value, failure, isHeld) = state.withLock { state in
            state.loads += 1
            return (state.value, state.failure, state.isHeld)
        }
        began.fire()
        if isHeld { try await gate.wait(within: .seconds(60)) }
        if let failure { throw failure }
        return value
    }

    /// The same for a value that must be there.
    func get() async throws -> Int {
        guard let value = try await load() else { throw Failure(number: -1) }
        return value
    }
}

extension CacheOptions {
    /// ``unhurried``, with waits for another process' load that end with the load only, however busy the machine is.
    static let unhurriedLoads: CacheOptions = {
        var options = unhurried
        options.remember.loadLease = .seconds(120)
        options.remember.waitForOthers = .seconds(60)
        return options
    }()
}

extension RedisCache {
    /// Lets so many call `remember` at once while Redis is away, and tells how many loads that took.
    ///
    /// Those that had begun before the first load take its value; the others share one more, which answers when all of
    /// them wait for it, however late they come.
    func loadsOfMany(_ key: String, calls count: Int) async throws -> Int {
        let (first, second) = (Source(), Source())
        first.hold()
        second.hold()
        let answered = TestSignal("a call was answered")
        let calls = (0..<count).map { _ in
            Task<Int, any Error> {
                let value: Int = try await remember(key) { try await (first.loads == 0 ? first : second).get() }
                answered.fire()
                return value
            }
        }
        try await eventually("all wait") { waiters(key, Int.self) == count }
        first.release()
        try await eventually("the first load is over, and the others wait for the second") {
            let late = second.loads > 0 ? waiters(key, Int.self) : 0
            return late + answered.count == count
        }
        second.release()
        for call in calls { #expect(try await call.value == 1) }
        return first.loads + second.loads
    }
}

extension RedisServer {
    /// A key's time to live, ms; -1 without one, 0 or less when it is gone.
    func left(_ key: String) throws -> Int { try self("PTTL", key).int ?? 0 }
}
