import Synchronization

/// The shell around a `DispatchMachine`: its lock, and the one continuation of a receiver that waits for room.
final class Dispatcher<Job: Sendable>: Sendable {
    private struct State: ~Copyable {
        var machine: DispatchMachine<Job>
        var receiver: CheckedContinuation<Void, Never>?
    }

    private let state: Mutex<State>

    init(concurrency: Int, window: Int) {
        state = Mutex(State(machine: DispatchMachine(concurrency: concurrency, window: window)))
    }

    /// How many jobs may be admitted, 1 or more; waits for room, and is nil once stopped.
    func room() async -> Int? {
        while true {
            switch state.withLock({ $0.machine.receiverStep() }) {
            case .receive(let limit): return limit
            case .stop: return nil
            case .wait: await waitForRoom()
            }
        }
    }

    private func waitForRoom() async {
        await withCheckedContinuation { continuation in
            let mustWait = state.withLock { state in
                // A lane may have made room, or the dispatcher may have stopped, since the step was asked for.
                guard case .wait = state.machine.receiverStep() else { return false }
                state.receiver = continuation
                return true
            }
            if !mustWait { continuation.resume() }
        }
    }

    /// Queues jobs; the caller starts as many lanes as this returns.
    func admit(_ jobs: [DispatchMachine<Job>.Assignment]) -> Int {
        state.withLock { $0.machine.admit(jobs) }
    }

    /// Runs jobs one after the other until none is ready.
    func runLane(_ body: (Job) async -> Void) async {
        var next = step(after: nil)
        while let assignment = next {
            await body(assignment.job)
            next = step(after: assignment)
        }
    }

    /// Gives up what is queued and ends every lane after its job; safe to call twice.
    func stop() {
        let receiver = state.withLock { state in
            state.machine.stop() ? state.receiver.take() : nil
        }
        receiver?.resume()
    }

    /// Jobs that were given up.
    var forgotten: [Job] { state.withLock { $0.machine.forgotten } }

    private func step(after finished: DispatchMachine<Job>.Assignment?) -> DispatchMachine<Job>.Assignment? {
        let (assignment, receiver) = state.withLock { state in
            let step =
                if let finished { state.machine.laneFinished(key: finished.key) } else { state.machine.laneStarted() }
            return (step.assignment, step.wakesReceiver ? state.receiver.take() : nil)
        }
        receiver?.resume()
        return assignment
    }
}
