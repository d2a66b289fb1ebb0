import RedisCore

/// What carries events: Redis, or this process.
protocol EventBackend: Sendable {
    /// Publishes one message; returns how many receivers got it.
    func publish(_ payload: [UInt8], to channel: String) async throws(EventBusError) -> Int
    /// Publishes in order, in one round trip; one result per message.
    func publish(_ messages: [OutgoingMessage]) async throws(EventBusError) -> [Result<Int, EventBusError>]
    /// Subscribes; returns when everything published from now on will arrive.
    func subscribe(
        channels: [String], patterns: [String], buffer: SubscriptionBuffer
    ) async throws(EventBusError) -> any EventSubscription
}

/// An encoded event on its way out.
struct OutgoingMessage: Sendable {
    var channel: String
    var payload: [UInt8]
}

/// A running subscription with one consumer.
protocol EventSubscription: Sendable {
    /// Everything that is buffered, at most `limit`; waits for the first.
    ///
    /// nil at the end, and at once when the calling task is cancelled.
    func nextBatch(limit: Int) async -> [SubscriptionEvent]?
    /// Messages forgotten so far because the buffer was full.
    var dropped: Int { get }
    /// Unsubscribes; what is buffered can still be read, then comes the end. Safe to call twice.
    func finish() async
    /// Unsubscribes and forgets what is buffered. Safe to call twice.
    func cancel() async
}
