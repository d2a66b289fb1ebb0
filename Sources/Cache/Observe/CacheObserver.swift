/// Hears what caches do; one may serve many caches.
///
/// ```swift
/// let observer = CacheObserver { event in
///     if case .loaded(let time, .own) = event.kind { loads.record(time, namespace: event.prefix) }
/// }
/// let cache = RedisCache(redis, prefix: "shop", options: CacheOptions(observer: observer))
/// ```
///
/// **When.** Each event is told synchronously, once it has happened and before the call that caused it returns, by the
/// task that did it: the caller's, a load's (which outlives its callers), and for ``CacheEvent/Kind/nearFlushed`` the
/// client's loop. No lock is held. **What it must be**: quick, as its caller waits, and safe to call from many threads
/// at once; it cannot throw, and must not wait for a cache. **Order**: that of the things one task does; none between
/// tasks. **No promise of delivery**: what a process did not see, such as the end of an entry in Redis, or a reply
/// that was lost, is not told, and a call that throws may have told nothing.
///
/// `remember` tells ``CacheEvent/Kind/miss`` at most once a call, and then what came of it. Changes of a time to live,
/// `exists` and scans tell nothing. Without an observer, and with a logger above `debug`, each place costs one test
/// for nil.
public final class CacheObserver: Sendable {
    let tell: @Sendable (CacheEvent) -> Void

    /// An observer; it hears nothing before a cache is made with it.
    public init(_ tell: @escaping @Sendable (CacheEvent) -> Void) { self.tell = tell }
}
