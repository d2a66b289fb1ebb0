public import FoundationEssentials

/// What a subscription delivers.
public enum SubscriptionEvent: Sendable {
    /// A message from a channel.
    case message(SubscriptionMessage)
    /// The connection was down in between: whatever was published then is lost.
    case gap(SubscriptionGap)
}

/// One published message.
public struct SubscriptionMessage: Sendable {
    /// The channel it was published to.
    public let channel: String
    /// The pattern that matched, for pattern subscriptions.
    public let pattern: String?
    /// The bytes as published.
    public let payload: [UInt8]

    /// A message, for tests and for transports other than Redis.
    public init(channel: String, pattern: String? = nil, payload: [UInt8]) {
        self.channel = channel
        self.pattern = pattern
        self.payload = payload
    }
}

/// The time during which a subscription was deaf.
public struct SubscriptionGap: Sendable {
    /// When the connection was last known to deliver.
    public let since: Date
    /// When the server had confirmed all names again.
    public let until: Date
    /// Why: the error's text.
    public let reason: String

    /// A gap, for tests and for transports other than Redis.
    public init(since: Date, until: Date, reason: String) {
        self.since = since
        self.until = until
        self.reason = reason
    }
}

/// How many undelivered messages a subscription keeps and what happens to the next one.
public struct SubscriptionBuffer: Sendable, Hashable {
    /// What a full buffer does.
    public enum Overflow: String, Sendable, Hashable {
        /// Forget the oldest message and count it.
        case dropOldest
        /// Forget the message that just came and count it.
        case dropNewest
        /// Stop reading from the socket until the buffer is half empty.
        ///
        /// All subscriptions of the client share that socket and wait with it. The server keeps what is not read, up
        /// to its `client-output-buffer-limit pubsub` (8 MB for a minute, 32 MB at once, unless configured), and then
        /// closes the connection, which shows as a gap.
        case blockReading
    }

    /// Messages kept, 1 or more.
    public var capacity: Int
    /// Payload bytes kept, 1 or more; a single larger message is kept when it is alone.
    public var maxBytes: Int
    /// What happens beyond that.
    public var overflow: Overflow

    /// A buffer of 8,192 messages and 64 MiB that forgets the oldest, unless told otherwise.
    public init(capacity: Int = 8_192, maxBytes: Int = 64 << 20, overflow: Overflow = .dropOldest) {
        self.capacity = max(1, capacity)
        self.maxBytes = max(1, maxBytes)
        self.overflow = overflow
    }
}
