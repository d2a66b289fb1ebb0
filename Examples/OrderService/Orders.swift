import EventBus
import RedisCore
import ServiceLifecycle

/// Published by the shop when a customer has ordered.
struct OrderPlaced: EventPayload {
    static let eventType = "order.placed"
    let id: Int
    let total: Int
}

/// Published by the shop when a customer has changed their mind.
struct OrderCancelled: EventPayload {
    static let eventType = "order.cancelled"
    let id: Int
}

/// Published by the rehearsal behind its orders.
struct AllPublished: EventPayload {
    static let eventType = "rehearsal.published"
}

struct NothingToInvoice: Error {}

/// Two handlers for one type, one for another, and one for whatever could not be handled.
func makeSubscriber(_ redis: RedisClient, _ rehearsal: Rehearsal) -> EventSubscriber {
    var options = EventSubscriber.Options()
    options.drainTimeout = .seconds(20)
    // All orders of this program one after the other; the rehearsal's own event has no key and may overtake them.
    options.ordering = .perKey { event in event.type.hasPrefix("order.") ? "orders" : nil }
    options.onSubscribed = { rehearsal.subscribed.open() }

    let subscriber = EventSubscriber(redis, channels: ["orders"], options: options)
    subscriber.on(OrderPlaced.self) { order, context in
        print("stock    order \(order.id) of \(context.source)")
        if order.id == 1 { try await rehearsal.takeUntilShutdown() }
    }
    subscriber.on(OrderPlaced.self) { order, _ in
        guard order.total > 0 else { throw NothingToInvoice() }
        print("invoice  order \(order.id): \(order.total)")
    }
    subscriber.on(OrderCancelled.self) { order, _ in print("refund   order \(order.id)") }
    subscriber.on(AllPublished.self) { _, _ in rehearsal.arrived.open() }
    subscriber.onError { failure in print("failed   \(failure.eventType ?? "?"): \(failure.error)") }
    return subscriber
}
