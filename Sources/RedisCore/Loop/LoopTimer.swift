import Synchronization

/// A closure that an ``EventLoop`` runs once, later.
public final class LoopTimer: Sendable {
    /// Taken by whoever comes first: the loop at the due time, or `cancel`.
    private let body: Mutex<(@Sendable () -> Void)?>

    init(_ body: @escaping @Sendable () -> Void) { self.body = Mutex(body) }

    /// Prevents the closure from running, if it has not begun. Safe from any thread, any number of times.
    public func cancel() { body.withLock { $0 = nil } }

    var isCancelled: Bool { body.withLock { $0 == nil } }

    func fire() {
        let body = body.withLock { body in
            defer { body = nil }
            return body
        }
        body?()
    }
}

extension EventLoop {
    /// Runs a closure on the loop once `delay` has passed; cancel through the returned timer, from any thread.
    ///
    /// - Parameter delay: Rounded up to milliseconds; zero or less means the next turn.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> LoopTimer {
        let timer = LoopTimer(body)
        let due = LoopTimers.now() &+ delay.wholeNanoseconds
        execute { [self] in timers.add(timer, due: due) }
        return timer
    }

    /// Suspends on the loop's timers, not on Swift's; throws `CancellationError` when cancelled.
    public func sleep(for duration: Duration) async throws {
        let sleeper = Sleeper()
        try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                guard sleeper.begin(continuation) else { return }
                sleeper.hold(schedule(after: duration) { sleeper.end(.success(())) })
            }
        } onCancel: {
            sleeper.end(.failure(CancellationError()))
        }
    }
}

/// One sleep: its continuation is resumed by the timer or by the cancellation, whoever is first.
private final class Sleeper: Sendable {
    private enum State {
        case fresh
        case sleeping(UnsafeContinuation<Void, any Error>, LoopTimer?)
        case ended
    }

    private let state = Mutex(State.fresh)

    /// False when the task was cancelled before it slept; the continuation is then already resumed.
    func begin(_ continuation: UnsafeContinuation<Void, any Error>) -> Bool {
        let isCancelled = state.withLock { state in
            guard case .fresh = state else { return true }
            state = .sleeping(continuation, nil)
            return false
        }
        if isCancelled { continuation.resume(throwing: CancellationError()) }
        return !isCancelled
    }

    func hold(_ timer: LoopTimer) {
        let isOver = state.withLock { state in
            guard case .sleeping(let continuation, _) = state else { return true }
            state = .sleeping(continuation, timer)
            return false
        }
        if isOver { timer.cancel() }
    }

    func end(_ result: Result<Void, any Error>) {
        let (continuation, timer) = state.withLock { state in
            defer { state = .ended }
            if case .sleeping(let continuation, let timer) = state {
                return (Optional(continuation), timer)
            }
            return (nil, nil)
        }
        timer?.cancel()
        continuation?.resume(with: result)
    }
}

extension Duration {
    /// Nanoseconds, saturating at about 292 years.
    var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min / 2 : .max / 2 }
        let (sum, overflowed) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? .max / 2 : min(max(sum, .min / 2), .max / 2)
    }
}
