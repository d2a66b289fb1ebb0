/// Keeps values in this process, so that reading them again costs no round trip.
///
/// ```swift
/// let cache = RedisCache(redis, prefix: "shop", options: CacheOptions(near: NearCacheOptions(entries: 50_000)))
/// ```
///
/// One near cache serves a root (the outermost prefix) of a client and all its namespaces; the first options given for
/// a root decide its size. See `docs/guarantees.md` for how stale it can be.
public struct NearCacheOptions: Sendable, Hashable {
    /// What happens where the server does not tell which keys change (an ACL, a proxy, a server before Redis 6).
    public enum Fallback: Sendable, Hashable {
        /// The caches of this package tell each other over a channel.
        ///
        /// A write of another program, or one whose process ends before it has told, is seen after `maxAge` at the
        /// latest: 1 ms to 1 day.
        case backplane(maxAge: Duration)
        /// Nothing is kept: each read asks Redis.
        case off

        /// A backplane on which nothing is older than ten seconds.
        public static var backplane: Fallback { .backplane(maxAge: .seconds(10)) }
    }

    /// Most values kept, 1 to 100 million.
    public var entries: Int
    /// Most bytes kept, by the size of keys and encoded values and 160 bytes for each: 1 KiB or more.
    public var bytes: Int
    /// The longest time that a value is kept, 1 ms to 1 day; its own life in Redis ends it earlier.
    public var maxAge: Duration
    /// What happens where the server does not tell which keys change.
    public var onUnavailable: Fallback

    /// Ten thousand values, 64 MiB, five minutes, and a backplane where it must be, unless told otherwise.
    public init(
        entries: Int = 10_000, bytes: Int = 64 << 20, maxAge: Duration = .seconds(300),
        onUnavailable: Fallback = .backplane
    ) {
        self.entries = entries
        self.bytes = bytes
        self.maxAge = maxAge
        self.onUnavailable = onUnavailable
    }

    /// What cannot work, in words.
    var flaw: String? {
        let ages = Duration.milliseconds(1)...Duration.seconds(86_400)
        guard (1...100_000_000).contains(entries) else {
            return "the near cache has \(entries) entries; give 1 to 10^8"
        }
        guard bytes >= 1 << 10 else { return "the near cache has \(bytes) bytes; give 1 KiB or more" }
        guard ages.contains(maxAge) else { return "the near cache keeps values for \(maxAge); give 1 ms to 1 day" }
        if case .backplane(let age) = onUnavailable, !ages.contains(age) {
            return "the near cache's backplane keeps values for \(age); give 1 ms to 1 day"
        }
        return nil
    }
}
