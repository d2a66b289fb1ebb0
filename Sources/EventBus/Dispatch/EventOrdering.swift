/// Which events of one subscriber are handled one after the other.
public enum EventOrdering: Sendable {
    /// None: up to `concurrency` events are handled at once and may overtake each other.
    case none
    /// Events with the same key are handled in their order of arrival, one at a time; others may overtake them.
    ///
    /// Events whose key is nil have no order. The closure runs before queueing, one event at a time: keep it short.
    case perKey(@Sendable (RawEvent) -> String?)

    func key(of event: RawEvent) -> String? {
        switch self {
        case .none: nil
        case .perKey(let key): key(event)
        }
    }
}
