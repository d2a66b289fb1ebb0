import Synchronization

/// Lets a few through at a time and keeps the others waiting in order.
///
/// Swift Testing starts every test at once. A server each for hundreds of tests on two cores would have them fail for
/// want of time, not for what they test.
final class Permits: Sendable {
    private struct State {
        var free: Int
        var waiters: [UnsafeContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    /// Waits for a permit; each must be given back.
    func take() async {
        await withUnsafeContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiters.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func giveBack() {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            if state.waiters.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.resume()
    }
}

/// As many servers as two cores can keep awake.
let serverPermits = Permits(6)
