import Synchronization

/// A pause that can be cut short, once or for good.
final class Rest: Sendable {
    private struct State {
        var isStopped = false
        /// Somebody asked for work since the last pause.
        var isWoken = false
        var sleep: Task<Void, Never>?
    }

    private let clock: any Clock<Duration>
    private let state = Mutex(State())

    init(_ clock: any Clock<Duration>) { self.clock = clock }

    var isStopped: Bool { state.withLock(\.isStopped) }

    func wake() { end { $0.isWoken = true } }
    func stop() { end { $0.isStopped = true } }

    private func end(_ change: (inout State) -> Void) {
        let sleep = state.withLock { state in
            change(&state)
            return state.sleep
        }
        sleep?.cancel()
    }

    /// Waits so long, or until it is woken or stopped.
    func take(_ duration: Duration) async {
        let sleep: Task<Void, Never>? = state.withLock { state in
            guard !state.isStopped, !state.isWoken else { return nil }
            let clock = clock
            let sleep = Task { () -> Void in try? await clock.sleep(for: duration) }
            state.sleep = sleep
            return sleep
        }
        await sleep?.value
        state.withLock { state in
            state.sleep = nil
            state.isWoken = false
        }
    }
}
