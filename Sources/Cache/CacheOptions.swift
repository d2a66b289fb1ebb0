/// How a cache stores, guards and fails; every field has a default that suits most.
public struct CacheOptions: Sendable {
    /// What `.default` means, 1 ms to ten years or `.never`; an hour.
    public var defaultTTL: CacheTTL
    /// Turns values into bytes; JSON.
    public var serializer: any CacheSerializer
    /// Written into every entry; change it when the meaning of stored values changes.
    public var schema: UInt16
    /// Entries of these schema versions are read, all others count as missing; only ``schema`` when nil.
    ///
    /// ``schema`` must be one of them: what is written is read.
    public var readableSchemas: ClosedRange<UInt16>?
    /// What is compressed; payloads from 1 KiB on.
    public var compression: CacheCompression
    /// Larger values, counted before compression, are refused with `tooLarge`: 1 byte to 512 MiB; 1 MiB.
    ///
    /// A compressed value that unpacks to more than this, and to more than 64 MiB, is not read but `undecodable`.
    public var maxValueBytes: Int
    /// How long each round trip of a call waits for Redis at most, 1 ms to 24 hours; 1 s.
    ///
    /// Calls that take several round trips say so.
    public var timeout: Duration
    /// What a read says when Redis does not answer.
    public var failure: CacheFailurePolicy
    /// The longest life of an entry with tags, and how long a tag's invalidation is remembered, 1 s to ten years; 30
    /// days.
    public var longestTagLife: Duration
    /// How `remember` loads, waits and fails, unless a call says otherwise.
    public var remember: RememberOptions
    /// Keeps values in this process too; nil, as from the start, for not.
    ///
    /// Making the cache then begins to connect, in the background.
    public var near: NearCacheOptions?
    /// Lets reads renew the lives of entries; nil for lives that end when it was said.
    ///
    /// What `.default` means is then its idle time, but for counters. Goes with neither ``near`` nor
    /// ``RememberOptions/failSafe``.
    public var sliding: SlidingExpiry?
    /// Hears what the cache does; nil, as from the start, for nobody.
    public var observer: CacheObserver?

    /// The defaults of the field, unless told otherwise.
    public init(
        defaultTTL: CacheTTL = .after(.seconds(3_600)), serializer: any CacheSerializer = .json, schema: UInt16 = 0,
        readableSchemas: ClosedRange<UInt16>? = nil, compression: CacheCompression = .default,
        maxValueBytes: Int = 1 << 20, timeout: Duration = .seconds(1), failure: CacheFailurePolicy = .open,
        longestTagLife: Duration = .seconds(30 * 86_400), remember: RememberOptions = RememberOptions(),
        near: NearCacheOptions? = nil, sliding: SlidingExpiry? = nil, observer: CacheObserver? = nil
    ) {
        self.defaultTTL = defaultTTL
        self.serializer = serializer
        self.schema = schema
        self.readableSchemas = readableSchemas
        self.compression = compression
        self.maxValueBytes = maxValueBytes
        self.timeout = timeout
        self.failure = failure
        self.longestTagLife = longestTagLife
        self.remember = remember
        self.near = near
        self.sliding = sliding
        self.observer = observer
    }

    /// What cannot work; every call of the cache throws it.
    ///
    /// Near caches track all that is below `root`, the prefix of the outermost cache.
    func flaw(root: String? = nil) -> CacheError? {
        func flaw(_ message: String) -> CacheError {
            CacheError(.invalidArgument, operation: "configure", message: message)
        }
        do throws(CacheError) {
            _ = try CacheTTL.default.milliseconds(default: defaultTTL, operation: "configure", what: "the default TTL")
            try remember.check("configure")
            try sliding?.check(with: self)
        } catch {
            return error
        }
        if let text = rangeFlaw ?? compression.flaw { return flaw(text) }
        if let text = near?.flaw { return flaw(text) }
        if near != nil, root?.isEmpty == true {
            return flaw("a near cache needs a prefix of the outermost cache, or it would hear of every key there is")
        }
        guard (1...512 << 20).contains(maxValueBytes) else {
            return flaw("the largest value is \(maxValueBytes) bytes; give 1 to \(512 << 20)")
        }
        guard [CacheCodec.json, CacheCodec.text].contains(serializer.codec) || serializer.codec >= CacheCodec.firstOwn
        else { return flaw("a serializer's codec is \(serializer.codec); formats of your own take 16 to 255") }
        return nil
    }

    /// What is out of the range that its field's comment says.
    private var rangeFlaw: String? {
        guard (Duration.milliseconds(1)...Duration.seconds(86_400)).contains(timeout) else {
            return "the time-out is \(timeout); it must be between 1 ms and 24 hours"
        }
        guard (Duration.seconds(1)...CacheTTL.longest).contains(longestTagLife) else {
            return "the longest life of a tag is \(longestTagLife); it must be between 1 s and ten years"
        }
        guard reads(schema: schema) else {
            return "entries are written with schema \(schema), which is none of those that are read; add it to them"
        }
        return nil
    }

    func reads(schema: UInt16) -> Bool { readableSchemas?.contains(schema) ?? (schema == self.schema) }
}

/// What a read of a cache says when Redis does not answer.
///
/// Writes, invalidations and counters always throw: a lost invalidation that nobody hears of is a stale value.
public enum CacheFailurePolicy: Sendable, Hashable {
    /// The value counts as missing, so the caller goes to its source; counted, and logged once per outage.
    case open
    /// The read throws `unavailable`.
    case closed
}
