/// How a near cache is doing.
public struct NearStatus: Sendable {
    /// How it is kept right.
    public enum State: Sendable, Hashable {
        /// The server tells which keys change.
        case tracking
        /// The caches of this package tell each other.
        case backplane
        /// Nothing is handed out or kept until changes are told again: it is connecting, or the connection was lost.
        case connecting
        /// Nothing is handed out until the connection proves that it delivers: its heartbeat is overdue.
        case doubtful
        /// Nothing is kept, because of what is said.
        case off(String)
    }

    /// How it is kept right, now.
    public let state: State
    /// What it holds and has done.
    public let figures: NearFigures
}
