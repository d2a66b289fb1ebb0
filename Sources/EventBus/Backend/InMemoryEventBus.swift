import FoundationEssentials
import RedisCore
import Synchronization

/// Publish and subscribe inside one process, for tests: the same publisher and subscriber run on it.
///
/// Channels, patterns, order, counts and buffers behave as with Redis; the same conformance suite runs on both.
/// Differences: every subscription counts as a receiver of its own (Redis counts connections), and a full buffer with
/// `blockReading` grows, as the server's output buffer would. Only overflow loses messages; ``simulateGap(reason:)``
/// tells of a loss without one.
///
/// ```swift
/// let bus = InMemoryEventBus()
/// let subscriber = EventSubscriber(bus, channels: ["orders"])
/// try await EventPublisher(bus, source: "test").publish(OrderPlaced(id: 7, total: 12), to: "orders")
/// ```
public final class InMemoryEventBus: Sendable {
    private struct State {
        var nextID = 0
        var subscriptions: [Int: InMemorySubscription] = [:]
    }

    private let state = Mutex(State())

    /// An empty bus.
    public init() {}

    /// How many subscriptions are open; 0 once every subscriber has ended.
    public var subscriptionCount: Int { state.withLock { $0.subscriptions.count } }

    /// Publishes any bytes, to see how a program takes broken ones; returns how many messages were delivered.
    @discardableResult
    public func publish(raw payload: [UInt8], to channel: String) -> Int {
        send { $0.deliver(payload, to: channel) }
    }

    /// Tells every subscription that it may have missed messages, as after a lost connection.
    public func simulateGap(reason: String = "simulated") {
        let now = Date()
        let gap = SubscriptionGap(since: now, until: now, reason: reason)
        _ = send { $0.append([.gap(gap)]) }
    }

    private func send(_ deliver: (InMemorySubscription) -> InMemorySubscription.Delivery) -> Int {
        // Delivered under the lock, so that every subscription sees the same order; woken after it.
        let deliveries = state.withLock { state in state.subscriptions.values.map(deliver) }
        for delivery in deliveries { delivery.waiter?.resume() }
        return deliveries.reduce(0) { $0 + $1.count }
    }
}

extension InMemoryEventBus: EventBackend {
    func publish(_ payload: [UInt8], to channel: String) async throws(EventBusError) -> Int {
        publish(raw: payload, to: channel)
    }

    func publish(_ messages: [OutgoingMessage]) async throws(EventBusError) -> [Result<Int, EventBusError>] {
        messages.map { .success(publish(raw: $0.payload, to: $0.channel)) }
    }

    func subscribe(
        channels: [String], patterns: [String], buffer: SubscriptionBuffer
    ) async throws(EventBusError) -> any EventSubscription {
        state.withLock { state in
            state.nextID += 1
            let id = state.nextID
            let subscription = InMemorySubscription(channels: channels, patterns: patterns, buffer: buffer) {
                [weak self] in self?.remove(id)
            }
            state.subscriptions[id] = subscription
            return subscription
        }
    }

    private func remove(_ id: Int) {
        state.withLock { _ = $0.subscriptions.removeValue(forKey: id) }
    }
}
