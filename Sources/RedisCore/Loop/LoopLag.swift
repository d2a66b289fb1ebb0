import Synchronization

/// The worst delay of timers over the current and the previous period of ten seconds.
///
/// Readable from any thread.
final class LoopLag: Sendable {
    private struct Periods {
        var start: Int64 = 0
        var current: Duration = .zero
        var previous: Duration = .zero
    }

    private static let period: Int64 = 10_000_000_000
    private let periods = Mutex(Periods())

    var reading: Duration { periods.withLock { max($0.current, $0.previous) } }

    func note(_ delay: Duration, at now: Int64) {
        periods.withLock { periods in
            if now - periods.start > Self.period {
                periods.previous = now - periods.start > 2 * Self.period ? .zero : periods.current
                periods.current = .zero
                periods.start = now
            }
            periods.current = max(periods.current, delay)
        }
    }
}
