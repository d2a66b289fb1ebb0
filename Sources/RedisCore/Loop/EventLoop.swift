/// One libuv loop on one thread: the executor of everything that touches a socket.
///
/// It is a serial executor (pin an actor to it) and a task executor (`withTaskExecutorPreference(loop)`), for code that
/// cannot afford the hop to Swift's pool. Long computations on it delay every connection: leave those to the pool.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
    /// The loop that clients share unless they are given another; it lives as long as the process.
    public static let shared = EventLoop(name: "signalbox")

    /// Starts a loop on a thread of its own.
    public init(name: String) {}

    /// Queues a job; from the loop's own thread without lock or wake-up.
    public func enqueue(_ job: consuming ExecutorJob) { fatalError("stub") }

    /// True when the caller runs on this loop's thread.
    public var isCurrent: Bool { fatalError("stub") }

    /// Runs a closure on the loop as soon as possible; at once when already there.
    public func execute(_ body: @escaping @Sendable () -> Void) { fatalError("stub") }

    /// Runs a closure on the loop and returns what it returns.
    public func run<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T { fatalError("stub") }

    /// Runs a closure on the loop once `delay` has passed; cancel through the returned handle, from any thread.
    @discardableResult
    public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> LoopTimer {
        fatalError("stub")
    }

    /// Suspends on the loop's timers, not on Swift's; throws `CancellationError` when cancelled.
    public func sleep(for duration: Duration) async throws { fatalError("stub") }

    /// How late the loop's timers have been running: the largest delay of the last seconds.
    public var lag: Duration { fatalError("stub") }

    /// Ends the loop's thread after the work already queued; `shared` cannot be stopped.
    public func stop() async { fatalError("stub") }
}

/// A scheduled closure on an ``EventLoop``.
public final class LoopTimer: Sendable {
    /// Prevents the closure from running, if it has not begun. Safe from any thread, any number of times.
    public func cancel() { fatalError("stub") }
}
