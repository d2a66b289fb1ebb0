import EventBus
import ServiceLifecycle

/// What the program does to itself so that its shutdown can be watched; nothing of it happens with `serve`.
struct Rehearsal: Sendable {
    /// The server has confirmed the subscription.
    let subscribed = Gate()
    /// The first order is being handled.
    let begun = Gate()
    /// Every order has arrived: Redis keeps their order, and this came behind them.
    let arrived = Gate()
    /// True while orders are to wait for the shutdown.
    let isOn: Bool

    func publishOrders(_ publisher: EventPublisher) async throws {
        await subscribed.wait()
        let orders = [(id: 1, total: 12), (id: 2, total: 0), (id: 3, total: 30)]
        let batch = try orders.map { try OutgoingEvent(OrderPlaced(id: $0.id, total: $0.total), channel: "orders") }
        let last = try [
            OutgoingEvent(OrderCancelled(id: 1), channel: "orders"), OutgoingEvent(AllPublished(), channel: "orders"),
        ]
        for result in try await publisher.publish(batch + last) { _ = try result.get() }
        await begun.wait()
        await arrived.wait()
        print("shutdown: the first order is being handled, the others wait behind it")
    }

    /// An order that takes a while: until the service has been told to end.
    func takeUntilShutdown() async throws {
        guard isOn else { return }
        begun.open()
        try await gracefulShutdown()
    }
}

/// Closed at first; opens once, for everybody.
struct Gate: Sendable {
    private let stream: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    init() { (stream, continuation) = AsyncStream.makeStream() }

    func open() { continuation.finish() }

    /// Returns when the gate is open, or the task is cancelled.
    ///
    /// One waiter at a time.
    func wait() async { for await _ in stream {} }
}
