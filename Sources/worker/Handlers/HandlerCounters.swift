import Metrics
import Synchronization

/// What became of the events that a handler was given.
enum HandlerOutcome: String, Sendable, CaseIterable {
    /// Run here, successfully.
    case executed
    /// Run here, successfully, after another worker had begun it and died.
    case takenOver = "taken_over"
    /// Not run: somebody had done it within the window.
    case duplicate
    /// Not run: the rate limit did not admit it.
    case limited = "rate_limited"
    case failed
    /// Ended by the shutdown.
    case cancelled
}

/// Counts per handler, for the log at the end and for metrics.
final class HandlerCounters: Sendable {
    private let counts = Mutex<[HandlerOutcome: Int]>([:])
    private let metrics: [HandlerOutcome: Counter]
    private let duration: Timer

    init(handler: String) {
        metrics = Dictionary(
            uniqueKeysWithValues: HandlerOutcome.allCases.map { outcome in
                let dimensions = [("handler", handler), ("outcome", outcome.rawValue)]
                return (outcome, Counter(label: "signalbox_worker_events_total", dimensions: dimensions))
            })
        duration = Timer(label: "signalbox_worker_run_duration_seconds", dimensions: [("handler", handler)])
    }

    func record(_ outcome: HandlerOutcome) {
        counts.withLock { $0[outcome, default: 0] += 1 }
        metrics[outcome]?.increment()
    }

    func recordRun(_ elapsed: Duration) { duration.record(duration: elapsed) }

    subscript(outcome: HandlerOutcome) -> Int { counts.withLock { $0[outcome] ?? 0 } }
}
