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
    /// The first 8 digits of the token of who held it.
    public let previousHolder: String
    /// That holder's fencing token.
    public let previousFence: Int64
}
