import RedisCore

/// Who leads, as Redis said it.
public struct Leader: Sendable, Hashable {
    /// The candidate's id.
    public let id: String
    /// The term's number: larger than every earlier leader's, and the fencing token of what this one does.
    public let term: Int64
    /// How long its lease lasts unless it is renewed, as of the answer.
    public let leaseLeft: Duration
}

/// What a candidate learns in the course of time.
public enum ElectionEvent: Sendable, Hashable {
    /// This candidate leads.
    case gained(term: Int64)
    /// This candidate does not lead any more: its lease was lost for the reason given, or, with nil, it resigned or
    /// stepped down.
    case lost(term: Int64, LeaseLoss?)
    /// Somebody leads, this candidate or another, who was not known to before.
    case newLeader(Leader)
}

/// A term of office while it lasts: what the code that leads gets.
public struct Leadership: Sendable {
    let lease: Lease
    let times: ElectionTimes

    /// The candidate's id.
    public let id: String
    /// The term's number: pass it as the fencing token to whatever must not obey an earlier leader.
    public var term: Int64 { lease.fencingToken }
    /// Until when it may be relied on without asking Redis, as of the last renewal: `renewDeadline` after that.
    public var trustedUntil: ContinuousClock.Instant { stepDownAt.instant }
    var stepDownAt: Moment { times.stepDown(trustedUntil: lease.core.trustedUntil) }
    /// True while it is held, not lost, and ``trustedUntil`` is ahead; costs no round trip.
    public var isTrusted: Bool { lease.isTrusted && .now < stepDownAt }

    /// Throws unless it can be relied on now; costs no round trip.
    ///
    /// - Throws: `lockLost` when it was lost or cannot be trusted any more, `lockNotHeld` after it was given back.
    public func checkValid() throws(CoordinationError) {
        try lease.checkValid()
        if .now >= stepDownAt { throw lease.core.lostError("checkValid", .unconfirmed) }
    }
}
