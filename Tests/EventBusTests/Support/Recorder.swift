import Synchronization
import TestSupport

/// What happened, in order, and a way to wait for it.
final class Recorder<Value: Sendable>: Sendable {
    private let state = Mutex<[Value]>([])
    private let signal = TestSignal("a recorded value")

    var values: [Value] { state.withLock { $0 } }

    func record(_ value: Value) {
        state.withLock { $0.append(value) }
        signal.fire()
    }

    /// Returns once at least `count` values were recorded.
    @discardableResult
    func wait(count: Int) async throws -> [Value] {
        try await signal.wait(count: count, within: .seconds(60))
        return values
    }
}

/// Handlers wait at it until it is opened.
final class Gate: Sendable {
    private let opened = TestSignal("the gate's opening")
    /// Fires whenever somebody arrives.
    let arrived = TestSignal("an arrival at the gate")

    func open() { opened.fire() }

    func pass() async throws {
        arrived.fire()
        try await opened.wait(within: .seconds(60))
    }
}

/// Waits until the task is cancelled, and throws `CancellationError` then.
func untilCancelled() async throws {
    try await TestSignal("what never comes").wait(within: .seconds(3_600))
}
