import RedisCore

/// What each event of a subscription means; knows what was seen before; pure.
struct InvalidationReader: Sendable {
    enum Verdict: Sendable, Equatable {
        case invalidate(Invalidation)
        /// Nobody knows what they said.
        case missed(String)
        /// No event at all, or one of ours of which nobody knows what it says; the first is worth a line in the log.
        case unreadable(isFirst: Bool, isOurs: Bool)
        /// Somebody else's.
        case nothing
    }

    /// Whether messages that could not be read were ours.
    private var unreadable: Set<Bool> = []
    private var dropped = 0

    /// `dropped` is how many messages the subscription's buffer has forgotten so far.
    mutating func read(_ event: SubscriptionEvent, dropped: Int) -> [Verdict] {
        var verdicts: [Verdict] = []
        if dropped > self.dropped {
            self.dropped = dropped
            verdicts.append(.missed("more came than could be applied"))
        }
        switch event {
        case .gap(let gap): verdicts.append(.missed(gap.reason))
        case .message(let message): verdicts.append(read(message.payload))
        }
        return verdicts
    }

    private mutating func read(_ payload: [UInt8]) -> Verdict {
        switch InvalidationEvent.read(payload) {
        case .event(let event): return .invalidate(event.invalidation)
        case .foreign: return .nothing
        case .unreadable(let isOurs):
            return .unreadable(isFirst: unreadable.insert(isOurs).inserted, isOurs: isOurs)
        }
    }
}
