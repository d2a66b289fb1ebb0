import DequeModule
import RedisCore
import Synchronization

/// Idempotency keys of one process, for tests and for services that run once.
///
/// Forgets everything with the process. Bounded: beyond `capacity` answers the one that would be forgotten first goes.
public final class InMemoryIdempotencyStore: IdempotencyStore {
    private struct Entry {
        enum State {
            case running(waiters: [Int: CheckedContinuation<Void, Never>])
            case answered([UInt8]?, until: ContinuousClock.Instant)
        }

        let fingerprint: String
        /// Tells this claim from an earlier one's late end.
        let number: Int
        var state: State
    }

    private struct State {
        /// By bytes, as in Redis: two texts that Swift takes for the same are two keys.
        var entries: [ExactString: Entry] = [:]
        /// Answers in the order in which they were given, which is that of their ends: all are kept equally long.
        ///
        /// Those that were forgotten, and whose key was claimed anew, stand here too, before all that are remembered.
        var answers: Deque<(key: ExactString, number: Int)> = []
        var nextNumber = 0
        /// Waits that go on, and whether they were ended before their continuation was there.
        var waits: [Int: Bool] = [:]
    }

    private let retention: Duration
    private let capacity: Int
    private let state = Mutex(State())

    /// An empty store.
    ///
    /// - Parameters:
    ///   - retention: How long an answer is kept.
    ///   - capacity: Answers kept at most, 1 or more.
    public init(retention: Duration = .seconds(86_400), capacity: Int = 10_000) {
        self.retention = retention
        self.capacity = max(1, capacity)
    }

    /// Claims a key.
    ///
    /// - Throws: ``CoordinationError`` with `invalidArgument` for the key; `CancellationError`.
    public func claim(_ key: String, fingerprint: String, wait: Duration) async throws -> IdempotencyClaim {
        try CoordinationKeys.check(key, "an idempotency key")
        let key = ExactString(key)
        let deadline = ContinuousClock.now + wait
        while true {
            let claim = claimNow(key, fingerprint)
            guard case .inProgress = claim, ContinuousClock.now < deadline else { return claim }
            try await waitForEnd(of: key, until: deadline)
        }
    }

    private func claimNow(_ key: ExactString, _ fingerprint: String) -> IdempotencyClaim {
        state.withLock { state in
            let now = ContinuousClock.now
            if let entry = state.entries[key] {
                switch entry.state {
                case .running: return entry.fingerprint == fingerprint ? .inProgress : .reused
                case .answered(let bytes, let until) where now < until:
                    guard entry.fingerprint == fingerprint else { return .reused }
                    return bytes.map(IdempotencyClaim.answered) ?? .answeredUnstored
                case .answered: break
                }
            }
            state.nextNumber += 1
            state.entries[key] = Entry(
                fingerprint: fingerprint, number: state.nextNumber, state: .running(waiters: [:]))
            return .first(Turn(store: self, key: key, number: state.nextNumber))
        }
    }

    /// How many keys are claimed or answered.
    var remembered: Int { state.withLock { $0.entries.count } }

    // MARK: Ends

    private struct Turn: IdempotencyTurn {
        let store: InMemoryIdempotencyStore
        let key: ExactString
        let number: Int

        func run<T: Sendable>(
            keeps: @escaping @Sendable (T) -> Bool, encode: @escaping @Sendable (T) -> [UInt8]?,
            _ handler: @escaping @Sendable () async throws -> T
        ) async throws -> T {
            do {
                let value = try await handler()
                store.end(key, number, keeps(value) ? .some(encode(value)) : nil)
                return value
            } catch {
                store.end(key, number, nil)
                throw error
            }
        }
    }

    /// Keeps the answer, or frees the key, and wakes who waits.
    private func end(_ key: ExactString, _ number: Int, _ answer: [UInt8]??) {
        let waiters = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard let entry = state.entries[key], entry.number == number,
                case .running(let waiters) = entry.state
            else { return [] }
            if let answer {
                state.entries[key]?.state = .answered(answer, until: .now + retention)
                state.answers.append((key, number))
                Self.makeRoom(&state, capacity)
            } else {
                state.entries[key] = nil
            }
            return Array(waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    private static func makeRoom(_ state: inout State, _ capacity: Int) {
        while state.answers.count > capacity, let first = state.answers.popFirst() {
            if state.entries[first.key]?.number == first.number { state.entries[first.key] = nil }
        }
    }

    // MARK: Waiting

    private func waitForEnd(of key: ExactString, until deadline: ContinuousClock.Instant) async throws {
        let id = state.withLock { state in
            state.nextNumber += 1
            state.waits[state.nextNumber] = false
            return state.nextNumber
        }
        let alarm = Task {
            try await Task.sleep(until: deadline)
            self.stopWaiting(key, id)
        }
        defer { alarm.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let mustWait = state.withLock { state in
                    if state.waits[id] == true { return false }
                    guard case .running(var waiters) = state.entries[key]?.state else { return false }
                    waiters[id] = continuation
                    state.entries[key]?.state = .running(waiters: waiters)
                    return true
                }
                if !mustWait { continuation.resume() }
            }
        } onCancel: {
            stopWaiting(key, id)
        }
        state.withLock { $0.waits[id] = nil }
        try Task.checkCancellation()
    }

    private func stopWaiting(_ key: ExactString, _ id: Int) {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard case .running(var waiters) = state.entries[key]?.state,
                let waiter = waiters.removeValue(forKey: id)
            else {
                if state.waits[id] != nil { state.waits[id] = true }
                return nil
            }
            state.entries[key]?.state = .running(waiters: waiters)
            return waiter
        }
        waiter?.resume()
    }
}
