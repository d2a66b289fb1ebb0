/// What the server knows of one lock at one moment.
public struct LockState: Sendable, Hashable, Codable {
    /// Its name.
    public let name: String
    /// Its Redis key.
    public let key: String
    /// The first 8 digits of the holder's token, enough to tell holders apart; nil when nobody holds it.
    public let holder: String?
    /// How long it is held if it is not renewed, in ms; nil when nobody holds it, or its key never expires.
    public let millisecondsLeft: Int64?
    /// The last fencing token drawn for it, up to 30 days ago; nil when there is none.
    public let fencingToken: Int64?
    /// How many clients wait for it, or did a moment ago.
    public let waitingClients: Int

    /// True when somebody holds it.
    public var isHeld: Bool { holder != nil }
}

/// A lock that was taken from its holder by force.
public struct ForcedRelease: Sendable, Hashable, Codable {
    /// Its name.
    public let name: String
    /// The first 8 digits of the token of who held it; nil when only readers did.
    public let previousHolder: String?
    /// That holder's fencing token; for readers that of the last writer.
    public let previousFence: Int64
    /// How many readers lost it; 0 for other kinds of lock.
    public let readers: Int
}
