import RedisCore
import Synchronization

/// What wakes a candidate: an announcement, the time, or the order to stop.
///
/// One waiter at a time. A wake-up that comes while nobody waits is kept.
final class ElectionSignal: Sendable {
    private struct State {
        var isStopped = false
        var wakePending = false
        var waiter: CheckedContinuation<Void, Never>?
        var timer: LoopTimer?
        /// The leader's body, to be cancelled by the order to stop.
        var term: (@Sendable () -> Void)?
    }

    private let loop: EventLoop
    private let state = Mutex(State())

    init(_ loop: EventLoop) { self.loop = loop }

    var isStopped: Bool { state.withLock(\.isStopped) }

    /// An announcement came.
    func wake() {
        resume { $0.wakePending = true }
    }

    /// The candidate is to end.
    func stop() {
        let endTerm = state.withLock { state in
            state.isStopped = true
            return state.term.take()
        }
        endTerm?()
        resume { _ in }
    }

    /// Registers what ends the term; it is called at once when the order to stop was given before.
    func lead(_ endTerm: @escaping @Sendable () -> Void) {
        let isStopped = state.withLock { state in
            if !state.isStopped { state.term = endTerm }
            return state.isStopped
        }
        if isStopped { endTerm() }
    }

    func termEnded() { state.withLock { $0.term = nil } }

    /// Returns at the time given, or before that for an announcement (true) or the order to stop.
    func wait(until instant: Moment) async -> Bool {
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                guard !state.isStopped, !state.wakePending else { return false }
                state.waiter = continuation
                return true
            }
            guard mustWait else { return continuation.resume() }
            let timer = loop.schedule(after: max(.zero, instant - .now)) { [weak self] in self?.resume { _ in } }
            let isLate = state.withLock { state in
                if state.waiter != nil { state.timer = timer }
                return state.waiter == nil
            }
            if isLate { timer.cancel() }
        }
        return state.withLock { state in
            defer { state.wakePending = false }
            return state.wakePending
        }
    }

    private func resume(_ change: (inout State) -> Void) {
        let (waiter, timer) = state.withLock { state in
            change(&state)
            return (state.waiter.take(), state.timer.take())
        }
        timer?.cancel()
        waiter?.resume()
    }
}
