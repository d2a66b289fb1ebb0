import Synchronization

/// A closure that an ``EventLoop`` runs once, later.
public final class LoopTimer: Sendable {
    private struct Bodies {
        let due: @Sendable () -> Void
        /// For who waits: the loop ended before the time came.
        let loopEnded: (@Sendable () -> Void)?
    }

    /// Taken by whoever comes first: the loop at the due time, the loop's end, or `cancel`.
    private let bodies: Mutex<Bodies?>

    init(_ due: @escaping @Sendable () -> Void, loopEnded: (@Sendable () -> Void)? = nil) {
        bodies = Mutex(Bodies(due: due, loopEnded: loopEnded))
    }

    /// Prevents the closure from running, if it has not begun.
    ///
    /// Safe from any thread, any number of times.
    public func cancel() { _ = take() }

    var isCancelled: Bool { bodies.withLock { $0 == nil } }

    func fire() { take()?.due() }

    /// The loop that should have fired it is gone.
    func drop() { take()?.loopEnded?() }

    private func take() -> Bodies? {
        bodies.withLock { bodies in
            defer { bodies = nil }
            return bodies
        }
    }
}

extension EventLoop {
    /// Runs a closure on the loop once `delay` has passed; cancel through the returned timer, from any thread.
    ///
    /// - Parameter delay: Rounded up to milliseconds; zero or less means the next turn. On a stopped loop the closure
    ///   never runs.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> LoopTimer {
        let timer = LoopTimer(body)
        add(timer, after: delay)
        return timer
    }

    private func add(_ timer: LoopTimer, after delay: Duration) {
        let due = LoopTimers.now() &+ delay.wholeNanoseconds
        execute { [self] in timers.add(timer, due: due) }
    }

    /// Suspends on the loop's timers, not on Swift's; throws `CancellationError` when cancelled or when the loop ends.
    public func sleep(for duration: Duration) async throws {
        let outcome = FirstOutcome<Bool>()
        let timer = LoopTimer({ outcome.settle(true) }, loopEnded: { outcome.settle(false) })
        let hasSlept = await withTaskCancellationHandler {
            if !Task.isCancelled { add(timer, after: duration) }
            return await outcome.value
        } onCancel: {
            timer.cancel()
            outcome.settle(false)
        }
        if !hasSlept { throw CancellationError() }
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
