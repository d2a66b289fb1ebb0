/// A code to send to its user, by mail, text message or push; never prints itself.
public struct OneTimeCode: Sendable, Hashable {
    /// The digits.
    public let text: String
    /// For how long it is accepted, from the moment Redis stored it.
    public let life: Duration

    init(text: String, life: Duration) {
        self.text = text
        self.life = life
    }
}

extension OneTimeCode: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always `<one-time code>`.
    public var description: String { "<one-time code>" }
    /// Always `<one-time code>`.
    public var debugDescription: String { "<one-time code>" }
    /// Nothing to see.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What came of asking for a code.
public enum OneTimeCodeIssue: Sendable, Hashable {
    /// A new code; an older one for the same id and purpose is void.
    case issued(OneTimeCode)
    /// None: the last one was a moment ago, or there were too many; the older one stays as it is.
    case refused(retryAfter: Duration)

    /// The code, if there is one.
    public var code: OneTimeCode? {
        if case .issued(let code) = self { code } else { nil }
    }
}

/// What came of trying a code.
public enum OneTimeCodeVerdict: Sendable, Hashable {
    /// It was right, and is used up.
    case accepted
    /// It was wrong; so many attempts are left, at least one.
    case wrong(attemptsLeft: Int)
    /// There is no code: never issued, used, expired or revoked.
    case none
    /// There were too many wrong attempts, this one perhaps included: the code is void, the right one too.
    case locked
}
