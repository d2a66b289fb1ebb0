/// A life that every read renews, up to an absolute end.
///
/// ```swift
/// let sliding = SlidingExpiry(idle: .seconds(1_800), upTo: .seconds(86_400))
/// let cache = RedisCache(redis, prefix: "shop", options: CacheOptions(sliding: sliding))
/// ```
///
/// What nobody reads for `idle` is gone; what is read all the time is loaded or set anew after `upTo`. Both are written
/// into each entry: caches with other figures renew it by its own, and a change of figures is for entries written from
/// then on. A cache without `sliding` reads such entries and does not renew them.
public struct SlidingExpiry: Sendable, Hashable {
    /// How long an entry lives after it was written or last read, 1 ms to ten years, at most ``upTo``.
    public var idle: Duration
    /// How long it lives after it was written, however often it is read, 1 ms to ten years.
    public var upTo: Duration

    /// Both by the server's clock, in whole milliseconds.
    public init(idle: Duration, upTo: Duration) {
        self.idle = idle
        self.upTo = upTo
    }
}

extension SlidingExpiry {
    /// Throws `invalidArgument` for what cannot work, alone or with the other options.
    func check(with options: CacheOptions) throws(CacheError) {
        _ = try idle.cacheMilliseconds("the idle time of sliding entries", operation: "configure")
        _ = try upTo.cacheMilliseconds("the longest life of sliding entries", operation: "configure")
        guard idle <= upTo else {
            throw Self.flaw("sliding entries live for \(idle) and up to \(upTo); give an idle time of at most that")
        }
        guard options.near == nil else {
            throw Self.flaw("a near cache answers without Redis, where reads renew sliding lives; give one of the two")
        }
        try Self.check(options.remember, "configure")
    }

    /// A value that is kept beyond its end would have to be told from one that is read no more.
    static func check(_ terms: RememberOptions?, _ operation: String) throws(CacheError) {
        guard terms?.failSafe != nil else { return }
        throw flaw("sliding entries are not kept beyond their end; give no failSafe, or no sliding", operation)
    }

    private static func flaw(_ message: String, _ operation: String = "configure") -> CacheError {
        CacheError(.invalidArgument, operation: operation, message: message)
    }
}
