import Synchronization

/// A clock that moves only when a test says so.
public final class ManualClock: Clock, Sendable {
    /// Time since the clock was made.
    public struct Instant: InstantProtocol {
        /// Offset from the clock's start.
        public var offset: Duration
        /// A later or earlier instant.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }
        /// Distance to another instant.
        public func duration(to other: Instant) -> Duration { other.offset - offset }
        /// Order in time.
        public static func < (lhs: Instant, rhs: Instant) -> Bool { lhs.offset < rhs.offset }
    }

    private struct Sleeper {
        let id: Int
        let deadline: Instant
        let continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var now = Instant(offset: .zero)
        var nextID = 0
        var sleepers: [Sleeper] = []
        var cancelled: Set<Int> = []
    }

    private let state = Mutex(State())
    /// Fires whenever a task begins to sleep on this clock.
    public let slept = TestSignal("a task sleeping on the manual clock")

    /// A clock at zero.
    public init() {}

    /// The time as last set.
    public var now: Instant { state.withLock(\.now) }

    /// Nothing is shorter.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// How many tasks sleep.
    public var sleepers: Int { state.withLock { $0.sleepers.count } }

    /// Suspends until the clock was advanced to the deadline; throws `CancellationError` when cancelled.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let woken = await withTaskCancellationHandler {
            await suspend(id, until: deadline)
        } onCancel: {
            cancel(id)
        }
        guard woken else { throw CancellationError() }
    }

    /// Moves the time forward and wakes whoever is due, the earliest deadline first.
    public func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            let due = state.sleepers.filter { $0.deadline <= state.now }.sorted { $0.deadline < $1.deadline }
            state.sleepers.removeAll { $0.deadline <= state.now }
            return due
        }
        for sleeper in due { sleeper.continuation.resume(returning: true) }
    }

    private func suspend(_ id: Int, until deadline: Instant) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = state.withLock { state in
                if state.cancelled.remove(id) != nil { return false }
                if deadline <= state.now { return true }
                state.sleepers.append(Sleeper(id: id, deadline: deadline, continuation: continuation))
                return nil
            }
            if let answer { continuation.resume(returning: answer) } else { slept.fire() }
        }
    }

    private func cancel(_ id: Int) {
        let sleeper: Sleeper? = state.withLock { state in
            guard let index = state.sleepers.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.sleepers.remove(at: index)
        }
        sleeper?.continuation.resume(returning: false)
    }
}
