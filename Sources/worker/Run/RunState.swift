/// The signals a worker obeys.
enum WorkerSignal: Sendable, Equatable, CaseIterable {
    case terminate, interrupt, stopFetching, report
}

/// The life of `worker run` as decisions: what to do on each signal and when fetching has ended.
struct RunState: ~Copyable {
    enum Action: Equatable {
        case none
        /// Stop fetching and finish what is there, within the drain timeout.
        case drain
        /// Stop fetching; go on living.
        case quiet
        case printInFlight
        /// Leave at once, whatever is running.
        case endNow
        /// Everything is finished.
        case finish
        /// Fetching ended although nobody asked for it.
        case fail
    }

    private enum Phase { case fetching, quieting, quiet, draining }
    private var phase = Phase.fetching

    mutating func received(_ signal: WorkerSignal) -> Action {
        switch (signal, phase) {
        case (.report, _): return .printInFlight
        case (.stopFetching, .fetching):
            phase = .quieting
            return .quiet
        case (.stopFetching, _): return .none
        case (.terminate, .draining), (.interrupt, .draining): return .endNow
        case (.terminate, .quiet), (.interrupt, .quiet): return .finish
        case (.terminate, _), (.interrupt, _):
            phase = .draining
            return .drain
        }
    }

    /// Nothing more comes in and everything that had come in is handled.
    mutating func fetchingEnded() -> Action {
        switch phase {
        case .fetching: return .fail
        case .quieting, .quiet:
            phase = .quiet
            return .none
        case .draining: return .finish
        }
    }
}
