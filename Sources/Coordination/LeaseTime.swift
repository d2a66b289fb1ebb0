/// Durations as Redis and the trust deadline need them: whole milliseconds, in range, with the safety margin.
struct LeaseTime: Sendable, Hashable {
    /// What PX and PEXPIRE get: 1 or more.
    ///
    /// A smaller value would make PEXPIRE delete the key.
    let milliseconds: Int64

    /// Far above any sensible lease, far below what overflows in Redis or here.
    static let longest = Duration.seconds(10 * 365 * 86_400)

    /// Cuts to whole milliseconds; refuses less than 1 ms and more than ten years.
    init(_ duration: Duration, _ what: String, operation: String) throws(CoordinationError) {
        guard duration >= .milliseconds(1), duration <= Self.longest else {
            throw CoordinationError(
                .invalidArgument, operation: operation,
                message: "\(what) is \(duration); it must be between 1 ms and ten years")
        }
        milliseconds = Int64(duration.attoseconds / 1_000_000_000_000_000)
    }

    /// The whole time to live.
    var duration: Duration { .milliseconds(milliseconds) }

    /// How long after sending the holder may rely on it: less 1 % for clocks that run at different speeds and 2 ms for
    /// Redis' expiry precision.
    ///
    /// Zero or less for a time to live that leaves nothing.
    var trusted: Duration { .microseconds(milliseconds * 990 - 2_000) }

    /// How much earlier than due a renewal may be sent: half of the usual period.
    var earlyWindow: Duration { refreshPeriod / 2 }

    /// A third of the time to live.
    var refreshPeriod: Duration { refreshPeriod(spread: 1) }

    /// A third of the time to live, times a factor near 1 that keeps leases from being renewed all together.
    func refreshPeriod(spread: Double) -> Duration { .microseconds(Int64(Double(milliseconds * 333) * spread)) }
}
