/// A value with what only its loader knows: for how long it is good and what invalidates it.
///
/// ```swift
/// let page = try await cache.remember("page:7") {
///     let page = try await api.page(7)
///     return Loaded(page, ttl: .after(page.maxAge), tags: ["author:\(page.author)"])
/// }
/// ```
///
/// `Loaded(nil, ttl:)` says that there is no value, and for how long that is so.
public struct Loaded<Value: Sendable>: Sendable {
    /// The value.
    public var value: Value
    /// How long it lives; as the call says when nil.
    public var ttl: CacheTTL?
    /// What it is invalidated by, besides the tags of the call.
    ///
    /// Reading an entry with tags that the call does not name costs a second round trip.
    public var tags: [String]
    /// Whether reads renew its life, where they do; not that of what says that there is no value.
    var slides = true
    /// Whether it is kept beyond its end in case loading fails; not what says that there is no value.
    var keepsStale = true

    /// A value that lives as the call says, unless told otherwise.
    public init(_ value: Value, ttl: CacheTTL? = nil, tags: [String] = []) {
        self.value = value
        self.ttl = ttl
        self.tags = tags
    }
}

/// An optional, whatever of.
protocol PossiblyNothing {
    var isNothing: Bool { get }
}

extension Optional: PossiblyNothing {
    var isNothing: Bool { self == nil }
}

/// A value and where it came from.
public struct Remembered<Value: Sendable>: Sendable {
    /// Where a value came from.
    @nonexhaustive
    public enum Origin: String, Sendable, Hashable {
        /// Redis had it, and it was good.
        case cache
        /// It was loaded, by this call or by one that it shared the load with.
        case source
        /// It is past its time to live, and served because loading failed or took too long; never older than the last
        /// invalidation.
        case stale
    }

    /// The value; nil when the source has none.
    public let value: Value?
    /// Where it came from.
    public let origin: Origin
}
