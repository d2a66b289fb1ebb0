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
}

/// The time during which a subscription was deaf.
public struct SubscriptionGap: Sendable {
    /// When the connection was last known to deliver.
    public let since: Date
    /// When the server confirmed the subscription again.
    public let until: Date
    /// Why: the error's text.
    public let reason: String
}

/// How many undelivered messages a subscription keeps and what happens to the next one.
public struct SubscriptionBuffer: Sendable {
    /// What a full buffer does.
    public enum Overflow: Sendable, Hashable {
        /// Forget the oldest message and count it.
        case dropOldest
        /// Forget the message that just came and count it.
        case dropNewest
        /// Stop reading from the socket until there is room; the server's own output limit then applies.
        case blockReading
    }
    /// Messages kept, 1 or more.
    public var capacity: Int
    /// What happens beyond that.
    public var overflow: Overflow

    /// A buffer of 8,192 messages that forgets the oldest unless told otherwise.
    public init(capacity: Int = 8_192, overflow: Overflow = .dropOldest) {
        self.capacity = capacity
        self.overflow = overflow
    }
}

/// Messages of some channels and patterns, as an asynchronous sequence with **at most once** delivery.
///
/// One consumer. Ends (`nil`) when cancelled, when the consuming task is cancelled or the client is closed.
public final class RedisSubscription: AsyncSequence, Sendable {
    /// A message or a gap.
    public typealias Element = SubscriptionEvent

    /// Reads events one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: RedisSubscription
        /// The next event; nil when the subscription has ended.
        public mutating func next() async -> SubscriptionEvent? { await subscription.next() }
        /// The next event; nil when the subscription has ended.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> SubscriptionEvent? {
            await subscription.next()
        }
    }

    init() {}

    /// Starts reading.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: self) }

    func next() async -> SubscriptionEvent? { fatalError("stub") }

    /// Everything that is buffered, in one hand-over; waits for the first event. nil at the end.
    public func nextBatch(max: Int = .max) async -> [SubscriptionEvent]? { fatalError("stub") }

    /// Messages forgotten because the buffer was full.
    public var dropped: Int { fatalError("stub") }

    /// Adds names to the running subscription; returns when the server confirmed them.
    public func add(channels: [String] = [], patterns: [String] = []) async throws(RedisError) { fatalError("stub") }

    /// Removes names; the others stay.
    public func remove(channels: [String] = [], patterns: [String] = []) async { fatalError("stub") }

    /// Unsubscribes and ends the sequence. Safe to call twice.
    public func cancel() async { fatalError("stub") }
}
