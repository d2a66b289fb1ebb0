/// Messages of some channels and patterns, as an asynchronous sequence with **at most once** delivery.
///
/// Redis keeps nothing for a subscriber: what is published while the connection is down is lost, and shows as a
/// ``SubscriptionEvent/gap(_:)`` once the names are subscribed again. Messages of one channel keep their order. A
/// message that matches several names of a subscription arrives once for each.
///
/// One consumer at a time. The sequence ends (`nil`) after ``cancel()`` or ``finish()``, when the consuming task is
/// cancelled, or when the client is closed. Letting go of the value also unsubscribes.
public final class RedisSubscription: AsyncSequence, Sendable {
    /// A message or a gap.
    public typealias Element = SubscriptionEvent

    /// Reads events one by one.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: RedisSubscription

        /// The next event; nil when the subscription has ended.
        public func next() async -> SubscriptionEvent? { await subscription.storage.next() }

        /// The next event; nil when the subscription has ended.
        public func next(isolation actor: isolated (any Actor)?) async -> SubscriptionEvent? {
            await subscription.storage.next()
        }
    }

    let storage: SubscriptionStorage
    private let connection: SubscriberConnection

    init(_ storage: SubscriptionStorage, _ connection: SubscriberConnection) {
        self.storage = storage
        self.connection = connection
    }

    deinit {
        storage.finish(discarding: true)
        connection.remove(storage, names: nil)
    }

    /// Starts reading.
    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: self) }

    /// Everything that is buffered, at most `max`, in one hand-over; waits for the first event.
    ///
    /// nil at the end.
    public func nextBatch(max: Int = .max) async -> [SubscriptionEvent]? {
        await storage.nextBatch(max: Swift.max(1, max))
    }

    /// Messages forgotten because the buffer was full.
    public var dropped: Int { storage.dropped }

    /// Adds names to the running subscription; returns when the server confirmed them.
    ///
    /// Throws `timedOut`, `cancelled`, `closed`, or `noPermission`; the names are then not subscribed.
    public func add(channels: [String] = [], patterns: [String] = []) async throws(RedisError) {
        try await connection.add(storage, .names(channels, patterns))
    }

    /// Gives names up; the others stay.
    ///
    /// Returns at once: messages that are on their way may still come.
    public func remove(channels: [String] = [], patterns: [String] = []) async {
        connection.remove(storage, names: .names(channels, patterns))
    }

    /// Unsubscribes, hands out what is already buffered, then ends the sequence.
    ///
    /// Safe to call twice.
    public func finish() async {
        storage.finish(discarding: false)
        connection.remove(storage, names: nil)
    }

    /// Unsubscribes and ends the sequence; what is buffered is forgotten.
    ///
    /// Safe to call twice.
    public func cancel() async {
        storage.finish(discarding: true)
        connection.remove(storage, names: nil)
    }
}

extension [SubscribedName] {
    static func names(_ channels: [String], _ patterns: [String]) -> Self {
        channels.map { SubscribedName(.channel, $0) } + patterns.map { SubscribedName(.pattern, $0) }
    }
}

extension RedisClient {
    /// Subscribes; returns when the server confirmed all names.
    ///
    /// One connection serves all subscriptions of a client.
    ///
    /// Waits for the connection, at most `configuration.commandTimeout`. Throws `timedOut`, `cancelled`, `closed`,
    /// `invalidArgument` for no or empty names, `noPermission` when the ACL forbids a channel.
    public func subscribe(
        channels: [String], patterns: [String] = [], buffer: SubscriptionBuffer = .init()
    ) async throws(RedisError) -> RedisSubscription {
        let storage = subscriber.makeStorage(buffer)
        let subscription = RedisSubscription(storage, subscriber)
        try await subscriber.add(storage, .names(channels, patterns))
        return subscription
    }

    /// Subscribes to a channel whose events `handler` gets at once, on the loop's thread, where it must be short.
    ///
    /// For what must be known before anything later that the subscriber receives. Waits and throws as
    /// ``subscribe(channels:patterns:buffer:)``.
    package func listen(
        channel: String, _ handler: @escaping @Sendable (SubscriptionEvent) -> Void
    ) async throws(RedisError) -> RedisSubscription {
        let storage = subscriber.makeStorage(SubscriptionBuffer(), handler: handler)
        let subscription = RedisSubscription(storage, subscriber)
        try await subscriber.add(storage, .names([channel], []))
        return subscription
    }
}
