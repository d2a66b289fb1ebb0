import RedisCore
import Synchronization

/// The ends whose handlers have not returned, and the renewal of their leases that is under way.
///
/// What is said of an end after its handler, that it is given back or tried again after a pause, must reach Redis after
/// a renewal that began before: otherwise it would belong to nobody for a whole lease.
final class HeldExpiries: Sendable {
    private struct State {
        /// By the bytes of their events, as Redis tells them apart.
        var held: [ExactString: ExpiredEntry]
        var renewal: Task<Void, Never>?
    }

    private let state: Mutex<State>

    init(_ entries: [ExpiredEntry]) {
        let held = entries.map { (ExactString($0.event), $0) }
        state = Mutex(State(held: Dictionary(held, uniquingKeysWith: { first, _ in first })))
    }

    /// Begins to renew all of them, in a task of its own; nil when there is none.
    func renew(_ body: @escaping @Sendable ([ExpiredEntry]) async -> Void) -> Task<Void, Never>? {
        state.withLock { state in
            guard !state.held.isEmpty else { return nil }
            let entries = Array(state.held.values)
            let renewal = Task { await body(entries) }
            state.renewal = renewal
            return renewal
        }
    }

    /// Takes some out: no renewal that begins from now on is about them; the last one that began before may be.
    func remove(_ entries: [ExpiredEntry]) -> Task<Void, Never>? {
        state.withLock { state in
            for entry in entries { state.held[ExactString(entry.event)] = nil }
            return state.renewal
        }
    }
}
