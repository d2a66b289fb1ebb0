/// What went wrong while publishing, subscribing or handling, with where and during what.
///
/// It never contains a payload. A message that cannot be read is not an error of the subscriber: it is counted and
/// handed to the error hook as an ``EventFailure``.
public struct EventBusError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// An argument or option is out of range; the message names it.
        case invalidArgument
        /// A payload could not be turned into JSON, or the JSON given is not JSON.
        case encoding
        /// A message is no event, or its payload does not fit the handler's type.
        case decoding
        /// An event is larger than the limit, so it was not sent.
        case tooLarge
        /// Redis did not take the event; the underlying error says whether it may have been delivered all the same.
        case publishFailed
        /// Redis did not confirm the subscription.
        case subscribeFailed
        /// The subscription ended although nobody asked for it, usually because the client was closed.
        case subscriptionEnded
        /// `run()` was called while another `run()` of the same subscriber is going on.
        case alreadyRunning
        /// A handler did not finish within its limit and was cancelled.
        case timedOut
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done: `publish`, `subscribe`, `run`, `decode`, `handle`.
    public let operation: String
    /// The channel, where one was involved.
    public let channel: String?
    /// The event's type, where it was known.
    public let eventType: String?
    /// One sentence for a person: what, where, what to do.
    public let message: String
    /// The error beneath, where there is one; usually a `RedisError`.
    public let underlying: (any Error)?

    /// Builds an error; `message` is a full sentence that names what to do.
    public init(
        _ code: Code, operation: String, channel: String? = nil, eventType: String? = nil, message: String,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.operation = operation
        self.channel = channel
        self.eventType = eventType
        self.message = message
        self.underlying = underlying
    }
}

extension EventBusError: CustomStringConvertible {
    /// `publishFailed: the event order.placed could not be published (channel orders) [timedOut: …]`.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let channel, !message.contains(channel) { text += " (channel \(channel))" }
        if let underlying { text += " [\(underlying)]" }
        return text
    }
}
