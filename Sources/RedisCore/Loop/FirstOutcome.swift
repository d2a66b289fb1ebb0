import Synchronization

/// One value for one waiter, from whoever settles it first; later ones are told that they are late.
///
/// The waiter's continuation is resumed exactly once, after the lock is released, whether the value comes before the
/// waiter or after it.
package final class FirstOutcome<Value: Sendable>: Sendable {
    private enum State {
        case open
        case awaited(UnsafeContinuation<Value, Never>)
        case settled(Value)
    }

    private let state = Mutex(State.open)

    package init() {}

    /// The value, as soon as somebody settles it.
    ///
    /// One waiter only.
    package var value: Value {
        get async {
            await withUnsafeContinuation { continuation in
                let value = state.withLock { state -> Value? in
                    if case .settled(let value) = state { return value }
                    state = .awaited(continuation)
                    return nil
                }
                if let value { continuation.resume(returning: value) }
            }
        }
    }

    /// True when this value is the one that counts.
    @discardableResult
    package func settle(_ value: Value) -> Bool {
        let (continuation, isFirst) = state.withLock { state -> (UnsafeContinuation<Value, Never>?, Bool) in
            switch state {
            case .open:
                state = .settled(value)
                return (nil, true)
            case .awaited(let continuation):
                state = .settled(value)
                return (continuation, true)
            case .settled: return (nil, false)
            }
        }
        continuation?.resume(returning: value)
        return isFirst
    }
}
