import RedisCore

/// The three times of an election; the relations between them are checked when an election is made.
public struct ElectionTiming: Sendable, Hashable {
    /// How long a leadership outlives a leader that died: the longest time without a leader after a crash.
    public var lease: Duration
    /// A leader that could not renew for this long steps down, before its lease can lapse.
    ///
    /// More than 0.4 of the lease, of which every third it is renewed.
    public var renewDeadline: Duration
    /// How often a candidate asks who has heard of no change, times 1 to 1.2.
    public var retry: Duration

    /// 15 s, 10 s and 2 s unless told otherwise.
    public init(
        lease: Duration = .seconds(15), renewDeadline: Duration = .seconds(10), retry: Duration = .seconds(2)
    ) {
        self.lease = lease
        self.renewDeadline = renewDeadline
        self.retry = retry
    }
}

/// The times as an election needs them, in the right relation.
struct ElectionTimes: Sendable, Hashable {
    typealias Instant = Moment

    let lease: LeaseTime
    let renewDeadline: Duration
    let retry: Duration

    /// Refuses times with which a leader could lose its lease before it steps down, or before it was ever renewed.
    init(_ timing: ElectionTiming) throws(CoordinationError) {
        lease = try LeaseTime(timing.lease, "the lease", operation: "elect")
        renewDeadline = timing.renewDeadline
        retry = timing.retry
        // A renewal comes up to a tenth later than after a third of the lease, and takes its time.
        let renewed = lease.refreshPeriod(spread: 1.2)
        guard retry >= .milliseconds(1), renewDeadline > max(retry * 1.2, renewed), lease.trusted > renewDeadline else {
            throw CoordinationError(
                .invalidArgument, operation: "elect",
                message: "the lease is \(timing.lease), the renew deadline \(timing.renewDeadline), the retry period "
                    + "\(timing.retry); the first, less 1 % and 2 ms, must be above the second, and that above 0.4 "
                    + "times the first and 1.2 times the third, which is at least 1 ms")
        }
    }

    /// When a leader steps down, by its lease's trust: `renewDeadline` after the last renewal that was confirmed.
    func stepDown(trustedUntil: Instant) -> Instant { trustedUntil - lease.trusted + renewDeadline }
}
