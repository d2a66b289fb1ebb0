/// One waiting call: either running, with at most one signal kept for it, or suspended.
///
/// Whoever takes the continuation out resumes it, after releasing the lock that guards this value: exactly once.
struct Waiter {
    /// Why a waiter goes on; later cases win when several arrive before it looks.
    enum Signal: Int, Sendable, Comparable {
        case attempt
        case timedOut
        case cancelled

        static func < (one: Signal, other: Signal) -> Bool { one.rawValue < other.rawValue }
    }

    private enum Phase {
        case running(kept: Signal?)
        case suspended(CheckedContinuation<Signal, Never>)
    }

    private var phase = Phase.running(kept: nil)

    /// The continuation to resume, when the waiter is suspended.
    mutating func signal(_ signal: Signal) -> CheckedContinuation<Signal, Never>? {
        switch phase {
        case .suspended(let continuation):
            phase = .running(kept: nil)
            return continuation
        case .running(let kept):
            phase = .running(kept: max(kept ?? signal, signal))
            return nil
        }
    }

    /// Suspends, or answers the signal that was kept.
    mutating func suspend(_ continuation: CheckedContinuation<Signal, Never>) -> Signal? {
        switch phase {
        case .running(let kept?):
            phase = .running(kept: nil)
            return kept
        case .running(nil):
            phase = .suspended(continuation)
            return nil
        case .suspended: preconditionFailure("a waiter suspends once at a time")
        }
    }
}
