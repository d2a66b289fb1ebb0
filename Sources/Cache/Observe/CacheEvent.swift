/// Something that a cache did, for an application's own metrics, traces and tests.
///
/// Heard by a ``CacheObserver``. Values are never in it.
public struct CacheEvent: Sendable {
    /// Where a value was found.
    public enum Level: Sendable, Hashable {
        /// In this process.
        case near
        /// In Redis.
        case redis
    }

    /// Whose load it was.
    @nonexhaustive
    public enum Loader: Sendable, Hashable {
        /// The call's own; others may share it. Told once for each such load, also when its caller has left.
        case own
        /// One that another call of this process had begun; told to each call that shares it.
        case shared
        /// One of another process, whose value was then read; the time is that of the wait.
        case otherProcess
        /// One in the background, before the value's end.
        case refresh
    }

    /// What happened.
    @nonexhaustive
    public enum Kind: Sendable {
        /// A read found a value.
        case hit(Level)
        /// A read found that the source had no value.
        case negativeHit(Level)
        /// A read found nothing, or what does not count any more.
        case miss
        /// A read found something that is not what was asked for; `remember` goes on as after a miss.
        case undecodable
        /// Redis did not answer a read, or the circuit is open; `remember` goes on as after a miss.
        case unavailable
        /// `remember` gave a value beyond its end, because loading fails or takes too long.
        case staleServed
        /// A value was loaded in this time, or that the source has none.
        case loaded(Duration, by: Loader)
        /// A load threw, or took longer than its lease. Told once a load, not to each who waits.
        case loadFailed(Duration, any Error)
        /// A value was stored, also a counter or what was loaded.
        case set
        /// Entries were deleted by one call, or one page of it.
        ///
        /// `found` is how many there were, nil when nobody counted.
        case deleted([String], found: Int?)
        /// All entries with one of these tags were ended.
        case invalidated(tags: [String])
        /// All entries of the namespace were ended.
        case cleared
        /// Redis did not answer repeatedly and is left alone for a moment. About all caches of the client.
        case circuitOpened
        /// Redis answers again. About all caches of the client.
        case circuitClosed
        /// What this process kept was dropped, because something might have gone untold. About all caches of the root;
        /// told on the client's loop, which waits meanwhile.
        case nearFlushed
    }

    /// What happened.
    public let kind: Kind
    /// What the keys of the cache begin with, before a colon; empty for what is about a client.
    public let prefix: String
    /// The entry, as the caller named it; nil for what is about several, or none.
    public let key: String?
}
