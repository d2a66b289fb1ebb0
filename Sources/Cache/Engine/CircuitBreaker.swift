import RedisCore

/// When asking Redis is not worth the wait: a pure state machine.
///
/// ```
/// closed ──5 failures in a row──▶ open ──pause over──▶ trial ──success──▶ closed
///                                  ▲                     │
///                                  └──twice the pause────┘ failure
/// ```
///
/// While it is open callers are refused at once; one trial at a time is let through. (Nygard, "Release It!", 2007.)
struct CircuitBreaker: Sendable {
    enum Verdict: Sendable, Equatable {
        case proceed
        /// Proceed, and tell how it went: everybody else waits for that.
        case trial
        case refuse
    }

    enum Change: Sendable, Equatable {
        case opened
        case closed
    }

    private enum State: Sendable {
        case closed(failures: Int)
        case open(until: Moment, pause: Duration)
        case trial(pause: Duration, since: Moment)
    }

    static let threshold = 5
    static let firstPause = Duration.milliseconds(500)
    static let longestPause = Duration.seconds(5)
    /// A trial that never came back, because its task was cancelled, does not keep the circuit open.
    static let longestTrial = Duration.seconds(5)

    private var state = State.closed(failures: 0)

    var isOpen: Bool {
        if case .closed = state { false } else { true }
    }

    mutating func ask(_ now: Moment) -> Verdict {
        switch state {
        case .closed: return .proceed
        case .open(let until, let pause):
            guard now >= until else { return .refuse }
            state = .trial(pause: pause, since: now)
            return .trial
        case .trial(let pause, let since):
            guard now - since >= Self.longestTrial else { return .refuse }
            state = .trial(pause: pause, since: now)
            return .trial
        }
    }

    mutating func succeeded() -> Change? {
        defer { state = .closed(failures: 0) }
        return isOpen ? .closed : nil
    }

    mutating func failed(_ now: Moment) -> Change? {
        switch state {
        case .closed(let failures):
            guard failures + 1 >= Self.threshold else {
                state = .closed(failures: failures + 1)
                return nil
            }
            state = .open(until: now + Self.firstPause, pause: Self.firstPause)
            return .opened
        // A call that began before the circuit opened says nothing new.
        case .open: return nil
        case .trial(let pause, _):
            let next = min(pause + pause, Self.longestPause)
            state = .open(until: now + next, pause: next)
            return nil
        }
    }
}
