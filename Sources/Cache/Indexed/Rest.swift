import Synchronization

/// A pause that can be cut short, once or for good.
final class Rest: Sendable {
    private struct State {
        var isStopped = false
        /// Somebody asked for work since the last pause.
        var isWoken = false
        var sleep: Task<Void, Never>?
        /// Who waits for the stop, one at a time.
        var listener: AsyncStream<Never>.Continuation?
    }

    private let clock: any Clock<Duration>
    private let state = Mutex(State())

    init(_ clock: any Clock<Duration>) { self.clock = clock }

    var isStopped: Bool { state.withLock(\.isStopped) }

    func wake() { end { $0.isWoken = true } }
    func stop() {
        end { $0.isStopped = true }
        state.withLock { $0.listener.take() }?.finish()
    }

    /// Ends when it is stopped; takes the place of what was given before.
    func untilStopped() -> AsyncStream<Never> {
        let (stream, listener) = AsyncStream<Never>.makeStream()
        let isStopped = state.withLock { state in
            if !state.isStopped { state.listener = listener }
            return state.isStopped
        }
        if isStopped { listener.finish() }
        return stream
    }

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
