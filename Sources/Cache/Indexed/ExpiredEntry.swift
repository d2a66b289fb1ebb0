public import FoundationEssentials
import RedisCore

/// An item whose time was over.
public struct ExpiredEntry: Sendable {
    /// The cache's namespace.
    public let namespace: String
    /// The item's key.
    public let key: String
    /// When it ended, by the server's clock.
    public let expiredAt: Date
    /// 1 when it is told for the first time, as far as Redis knows.
    ///
    /// What a sweeper claimed and gave back untold, as at its shutdown, does not count.
    public let attempt: Int
    /// The same each time that this end is told, and for no other: what a receiver compares to do its work once.
    public let id: String

    /// The end as it is named in Redis.
    let event: String
    /// Which claim of it this is: all that came before hold it no more.
    let claim: Int
    private let bytes: Data?
    private let cache: IndexedCache

    /// nil when the event is none of ours.
    init?(_ event: String, claim: Int, attempt: Int, _ bytes: Data?, _ cache: IndexedCache) {
        // By bytes: a key may begin with a mark that makes one character of the colon and itself.
        guard let colon = event.utf8.firstIndex(of: UInt8(ascii: ":")), let milliseconds = Int64(event[..<colon])
        else { return nil }
        namespace = cache.namespace
        key = IndexedKeys.key(of: String(event[event.utf8.index(after: colon)...]))
        expiredAt = Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
        self.claim = claim
        self.attempt = attempt
        id = "\(cache.namespace):\(event)"
        self.event = event
        self.bytes = bytes
        self.cache = cache
    }

    /// The value that expired; nil unless the cache keeps values (``ExpiryTracking/values(retention:)``).
    ///
    /// Throws `undecodable`.
    public func value<T: Decodable>(as type: T.Type = T.self) throws -> T? {
        guard let entry = try entry() else { return nil }
        return try cache.coder.decode(
            type, codec: entry.envelope?.codec, try cache.payload(entry, KeyText.escaped(key), "expire"),
            operation: "expire", key: cache.keys.item(KeyText.escaped(key)).name)
    }

    /// The value's bytes without decoding; nil unless the cache keeps values.
    ///
    /// Throws `undecodable`.
    public func rawValue() throws -> Data? {
        try entry().map { try cache.payload($0, KeyText.escaped(key), "expire") }
    }

    /// What of the value may stand in a JSON text as it is.
    ///
    /// It is read for that: another program may have stored anything, and a serializer of one's own may write anything.
    func jsonValue() throws -> Data? {
        guard let entry = try entry(), entry.envelope == nil || entry.envelope?.codec == CacheCodec.json,
            let bytes = try rawValue(), JSONGrammar.accepts(Array(bytes))
        else { return nil }
        return bytes
    }

    private func entry() throws -> StoredEntry? {
        try bytes.flatMap { try cache.item($0, KeyText.escaped(key), "expire")?.entry }
    }
}
