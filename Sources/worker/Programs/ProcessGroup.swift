import Foundation
import Synchronization

/// The process group of one program: stopped from any thread, at most once per reason, never before it exists.
final class ProcessGroup: Sendable {
    private struct State {
        var processID: Int32?
        var reason: Program.Ending?
        var deadline: ContinuousClock.Instant?
        var ended = false
    }

    private let state = Mutex(State())
    private let grace: Duration

    init(grace: Duration) { self.grace = grace }

    func started(_ processID: Int32) {
        let stopNow = state.withLock { state in
            state.processID = processID
            return state.reason != nil
        }
        if stopNow { terminate(processID) }
    }

    /// SIGTERM now, SIGKILL after the grace.
    ///
    /// The first reason is kept.
    func stop(because reason: Program.Ending) {
        let processID: Int32? = state.withLock { state in
            guard state.reason == nil, !state.ended else { return nil }
            state.reason = reason
            return state.processID
        }
        if let processID { terminate(processID) }
    }

    /// Called once the program itself has ended; returns when its group is gone: which it was, and why it was stopped.
    ///
    /// After a stop, the rest of the group has what is left of the grace. Otherwise what is left behind is killed.
    func end() async -> (processID: Int32?, reason: Program.Ending?) {
        let (processID, reason, deadline) = state.withLock { state in
            state.ended = true
            return (state.processID, state.reason, state.deadline)
        }
        guard let processID else { return (nil, reason) }
        if let deadline {
            while kill(-processID, 0) == 0, ContinuousClock.now < deadline {
                try? await Task.sleep(for: .milliseconds(20))
            }
        }
        // The id cannot have a new owner while a member of the group is alive; when none is, this hits nothing, as ids
        // are handed out in turn and this one was freed a moment ago.
        _ = kill(-processID, SIGKILL)
        return (processID, reason)
    }

    private func terminate(_ processID: Int32) {
        state.withLock { $0.deadline = .now + grace }
        _ = kill(-processID, SIGTERM)
        // Wakes a stopped program so that it can act on the signal.
        _ = kill(-processID, SIGCONT)
        Task {
            // A timer that must outlive the stopping task; harmless when the program has ended by then.
            try? await Task.sleep(for: grace)
            let stillThere = state.withLock { !$0.ended }
            if stillThere { _ = kill(-processID, SIGKILL) }
        }
    }
}
