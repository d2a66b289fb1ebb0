/// Why a lease ended while it was in use.
@nonexhaustive
public enum LeaseLoss: String, Sendable, Hashable {
    /// Redis no longer knows the lease: its time was over, or the key was deleted, flushed or lost in a restart.
    case expired
    /// Somebody else holds it.
    case takenOver
    /// It could not be renewed in time, so nobody can say that it is still held: Redis or this process was away.
    case unconfirmed
    /// It was held as long as its owner's `maxHold` permits.
    case maxHold
}

/// What a release found.
public enum ReleaseOutcome: String, Sendable, Hashable {
    /// The lease was ours and is free now.
    case released
    /// Nobody held it any more.
    case expired
    /// Somebody else holds it; nothing was changed.
    case notOwner
    /// Another handle of the same lease holds it still; nothing was sent.
    case retained
}
