/// Pause between connection attempts: exponential with full jitter, for ever.
///
/// Every pause is drawn evenly between zero and a bound that doubles with each failure, so that clients which lost the
/// same server do not return to it at the same moments. Source: Marc Brooker, "Exponential Backoff And Jitter", 2015.
public struct ReconnectPolicy: Sendable, Hashable {
    /// Longest first pause, 1 ms to 1 minute.
    public var initialDelay: Duration
    /// Longest pause at all, from `initialDelay` to 1 hour.
    public var maxDelay: Duration

    /// Up to 50 ms, doubling up to 2 s.
    ///
    /// Well within the time that a command waits, so that one which meets a server just
    /// restarted is not lost to the pause.
    public init(initialDelay: Duration = .milliseconds(50), maxDelay: Duration = .seconds(2)) {
        self.initialDelay = initialDelay
        self.maxDelay = maxDelay
    }

    /// The longest pause after `failures` attempts in a row that failed (1 or more).
    func bound(afterFailures failures: Int) -> Duration {
        var bound = initialDelay
        // 40 doublings lead from the shortest first pause beyond the longest one there is.
        for _ in 1..<min(max(failures, 1), 41) where bound < maxDelay { bound *= 2 }
        return min(bound, maxDelay)
    }

    /// The pause after `failures` attempts in a row that failed (1 or more).
    func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        bound(afterFailures: failures) * Double.random(in: 0...1, using: &generator)
    }
}
