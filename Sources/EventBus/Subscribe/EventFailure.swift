/// One message or handler call that failed, as the error hook sees it.
public struct EventFailure: Sendable {
    /// What failed; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Kind: String, Sendable, Hashable, CaseIterable {
        /// The message is larger than `limits.maxSize` and was not looked into.
        case tooLarge
        /// The message is not UTF-8.
        case notUTF8
        /// The message is nested deeper than `limits.maxDepth`.
        case tooDeep
        /// The message is no event: no JSON, no `type`, or a field of the wrong type.
        case undecodable
        /// Nobody is registered for the event's type.
        case unknownType
        /// The payload does not fit the type of one handler; the others were called.
        case payloadMismatch
        /// A handler or a middleware threw; the other handlers were called.
        case handler
    }

    /// What failed.
    public let kind: Kind
    /// The channel the message came from.
    public let channel: String
    /// The pattern that matched, for pattern subscriptions.
    public let pattern: String?
    /// The event's type, where it could be read.
    public let eventType: String?
    /// What the failed handler was registered for.
    public let registration: String?
    /// What was thrown; an ``EventBusError`` for everything but handlers.
    public let error: any Error
    /// The message as it came, for those who want to keep it elsewhere.
    public let message: [UInt8]
}
