import RedisCore
import Synchronization

/// A key-value store in this process: for tests, tools and single processes that need no Redis.
///
/// It answers as ``RedisKeyValueStore`` does: values are encoded and decoded, so a type that does not fit is
/// `undecodable` here too, and changing a stored object changes nothing. It is empty when the process starts.
public final class InMemoryKeyValueStore: KeyValueStore {
    private let options: CacheOptions
    private let coder: ValueCoder
    private let names = CacheKeys(prefix: "", database: 0)
    private let flaw: CacheError?
    private let entries: Mutex<MemoryEntries>
    private let now: @Sendable () -> Duration

    /// An empty store.
    ///
    /// What cannot work is thrown as `invalidArgument` by every call.
    ///
    /// - Parameters:
    ///   - maxEntries: The most entries it holds; above them those unused for longest go, whatever their time to live.
    ///     No bound when nil.
    ///   - defaultTTL: What `.default` means, 1 ms to ten years or `.never`.
    ///   - serializer: Turns values other than text and bytes into bytes.
    ///   - maxValueBytes: Larger values are refused, 1 byte to 512 MiB.
    ///   - clock: What times to live are measured by; a test may give one that it moves.
    public init(
        maxEntries: Int? = nil, defaultTTL: CacheTTL = .never, serializer: any CacheSerializer = .json,
        maxValueBytes: Int = 1 << 20, clock: some Clock<Duration> = ContinuousClock()
    ) {
        let options = CacheOptions(
            defaultTTL: defaultTTL, serializer: serializer, maxValueBytes: maxValueBytes, failure: .closed)
        self.options = options
        coder = ValueCoder(serializer: serializer)
        flaw = options.flaw() ?? Self.flaw(maxEntries: maxEntries)
        entries = Mutex(MemoryEntries(bound: maxEntries))
        let start = clock.now
        now = { start.duration(to: clock.now) }
    }

    private static func flaw(maxEntries: Int?) -> CacheError? {
        guard let maxEntries, maxEntries < 1 else { return nil }
        return CacheError(
            .invalidArgument, operation: "configure",
            message: "the most entries are \(maxEntries); give 1 or more, or nil for no bound")
    }

    /// Stores a value.
    public func set<T: Encodable & Sendable>(_ key: String, _ value: T, ttl: CacheTTL) async throws {
        let entry = try entry(key, "set")
        let payload = try coder.encode(value, operation: "set", key: key)
        try options.guardSize(of: payload.bytes, operation: "set", key: key)
        let life = try ttl.milliseconds(default: options.defaultTTL, operation: "set")
        let now = now()
        let end = life.map { now + .milliseconds($0) }
        entries.withLock { $0.set(entry, .init(payload: payload, end: end), now: now) }
    }

    /// The value under a key.
    public func find<T: Decodable & Sendable>(_ key: String, as type: T.Type) async throws -> T? {
        let entry = try entry(key, "get")
        let now = now()
        guard let payload = entries.withLock({ $0.value(entry, now: now) }) else { return nil }
        return try coder.decode(type, codec: payload.codec, payload.bytes, operation: "get", key: key)
    }

    /// Deletes keys.
    @discardableResult
    public func deleteKeys(_ keys: [String]) async throws -> Int {
        if let flaw { throw flaw }
        let wanted = try keys.map { key throws(CacheError) in try entry(key, "delete") }
        let now = now()
        return entries.withLock { entries in wanted.count { entries.remove($0, now: now) } }
    }

    /// The keys that are meant; looks at all there are.
    public func keys(matching pattern: CachePattern) async throws -> [String] {
        if let flaw { throw flaw }
        let now = now()
        let all = entries.withLock { $0.keys(now: now) }
        return all.filter { pattern.glob.matches($0.name.utf8) }.compactMap(names.name(of:))
    }

    /// How many entries it holds, those that are over but not yet removed among them.
    public var count: Int { entries.withLock(\.count) }

    private func entry(_ key: String, _ operation: String) throws(CacheError) -> RedisKey {
        if let flaw { throw flaw }
        return try names.entry(key, operation: operation)
    }
}

extension CacheOptions {
    fileprivate func guardSize(of bytes: some Collection<UInt8>, operation: String, key: String) throws(CacheError) {
        guard bytes.count <= maxValueBytes else {
            throw CacheError(
                .tooLarge, operation: operation, key: key,
                message: "the value has \(bytes.count) bytes; the store takes \(maxValueBytes)")
        }
    }
}
