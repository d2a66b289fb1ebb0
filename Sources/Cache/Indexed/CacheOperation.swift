/// What one call of an ``IndexedCache`` came to, for an application's own metrics.
public struct CacheOperation: Sendable {
    /// How it ended.
    @nonexhaustive
    public enum Outcome: Sendable, Hashable {
        /// A read found a value, or a condition held.
        case hit
        /// There was nothing.
        case miss
        /// A write, a count or a list was done.
        case done
        /// It threw an error of this kind; nil for a cancellation or an error of the caller's own code.
        case failed(CacheError.Code?)
    }

    /// The method's name: `get`, `set`, `getByIndex` and so on.
    public let name: String
    /// The cache's namespace.
    public let namespace: String
    /// How it ended.
    public let outcome: Outcome
    /// From the call to its end, coding and waiting included.
    public let duration: Duration
}
