import Synchronization

/// What a subscriber has counted since it was made.
///
/// `received` is the sum of the messages that reached handlers and of `tooLarge`, `notUTF8`, `tooDeep`, `undecodable`,
/// `unknownType`, `abandoned` and what is queued or running. Handler calls are counted by handler, not by event.
public struct SubscriberStatistics: Sendable, Hashable {
    /// Messages taken from the subscription.
    public var received = 0
    /// Handler calls that returned.
    public var handled = 0
    /// Handler calls that threw, a payload that does not fit included.
    public var failed = 0
    /// Events of a type that nobody was registered for.
    public var unknownType = 0
    /// Messages that are no event.
    public var undecodable = 0
    /// Messages that are not UTF-8.
    public var notUTF8 = 0
    /// Messages beyond `limits.maxSize`.
    public var tooLarge = 0
    /// Messages beyond `limits.maxDepth`.
    public var tooDeep = 0
    /// Those of `failed` whose payload did not fit the handler's type.
    public var payloadMismatch = 0
    /// Messages forgotten because the subscription's buffer was full.
    public var dropped = 0
    /// Times the subscription was deaf.
    public var gaps = 0
    /// Events that were still queued when a drain ended.
    public var abandoned = 0
}

/// The counters behind `SubscriberStatistics`; each is exact, a snapshot of several is not one instant.
final class SubscriberCounters: Sendable {
    let received = Atomic(0)
    let handled = Atomic(0)
    let failed = Atomic(0)
    let unknownType = Atomic(0)
    let undecodable = Atomic(0)
    let notUTF8 = Atomic(0)
    let tooLarge = Atomic(0)
    let tooDeep = Atomic(0)
    let payloadMismatch = Atomic(0)
    let dropped = Atomic(0)
    let gaps = Atomic(0)
    let abandoned = Atomic(0)

    func count(_ kind: EventFailure.Kind) {
        switch kind {
        case .tooLarge: tooLarge.increment()
        case .notUTF8: notUTF8.increment()
        case .tooDeep: tooDeep.increment()
        case .undecodable: undecodable.increment()
        case .unknownType: unknownType.increment()
        case .payloadMismatch:
            payloadMismatch.increment()
            failed.increment()
        case .handler: failed.increment()
        }
    }

    var snapshot: SubscriberStatistics {
        SubscriberStatistics(
            received: received.value, handled: handled.value, failed: failed.value, unknownType: unknownType.value,
            undecodable: undecodable.value, notUTF8: notUTF8.value, tooLarge: tooLarge.value, tooDeep: tooDeep.value,
            payloadMismatch: payloadMismatch.value, dropped: dropped.value, gaps: gaps.value,
            abandoned: abandoned.value)
    }
}

extension Atomic<Int> {
    var value: Int { load(ordering: .relaxed) }
    func increment(by amount: Int = 1) { wrappingAdd(amount, ordering: .relaxed) }
}
