import Synchronization

/// An event that code under test emits and a test waits for; counts how often it fired.
public final class TestSignal: Sendable {
    private struct Waiter {
        let id: Int
        let count: Int
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var fired = 0
        var nextID = 0
        var waiters: [Waiter] = []
        var cancelled: Set<Int> = []
    }

    private let name: String
    private let state = Mutex(State())

    /// A signal with a name for error texts.
    public init(_ name: String = "signal") { self.name = name }

    /// How often it fired.
    public var count: Int { state.withLock(\.fired) }

    /// Fires once more.
    public func fire() {
        let ready = state.withLock { state in
            state.fired += 1
            let ready = state.waiters.filter { $0.count <= state.fired }
            state.waiters.removeAll { $0.count <= state.fired }
            return ready
        }
        for waiter in ready { waiter.continuation.resume(returning: true) }
    }

    /// Returns once it has fired `count` times since it was made; throws ``TestTimeout`` after `limit`.
    public func wait(count: Int = 1, within limit: Duration = .seconds(60)) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let alarm = after(limit) { self.cancel(id) }
        defer { alarm.cancel() }
        let fired = await withTaskCancellationHandler {
            await suspend(id, count)
        } onCancel: {
            cancel(id)
        }
        try Task.checkCancellation()
        guard fired else { throw TestTimeout("\(name) fired \(self.count) of \(count) times within \(limit)") }
    }

    private func suspend(_ id: Int, _ count: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.fired >= count { return true }
                // The cancellation may come before the suspension.
                if state.cancelled.remove(id) != nil { return false }
                state.waiters.append(Waiter(id: id, count: count, continuation: continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    private func cancel(_ id: Int) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }
}
