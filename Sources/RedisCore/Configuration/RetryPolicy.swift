/// How often, and after what pause, a command that may be repeated is repeated.
///
/// Only commands that are safe to repeat, or that were never written, are; see ``RedisCommand/isSafeToRepeat``. Pauses
/// and repetitions all lie within the command's own deadline.
public struct RetryPolicy: Sendable, Hashable {
    /// Attempts after the first, 0 to 100; 0 turns retries off.
    public var maxRetries: Int
    /// Pause before the first retry, 0 to 1 minute.
    public var initialDelay: Duration
    /// Factor from one pause to the next, 1 to 100.
    public var multiplier: Double

    /// 3 retries: after 100 ms, 200 ms, 400 ms.
    public init(maxRetries: Int = 3, initialDelay: Duration = .milliseconds(100), multiplier: Double = 2.0) {
        self.maxRetries = maxRetries
        self.initialDelay = initialDelay
        self.multiplier = multiplier
    }

    /// No pause is longer, whatever the multiplier.
    static let longestDelay: Duration = .seconds(60)

    /// The pause before retry number `retry` (the first is 1), or nil when no retry is left.
    func delay(beforeRetry retry: Int) -> Duration? {
        guard retry <= maxRetries else { return nil }
        var delay = initialDelay
        for _ in 1..<max(retry, 1) where delay < Self.longestDelay { delay = delay * multiplier }
        return min(delay, Self.longestDelay)
    }
}
