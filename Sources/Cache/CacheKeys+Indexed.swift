import RedisCore

/// The keys of one namespace of ``IndexedCache``, all in one cluster slot: the namespace is the hash tag.
///
/// Everything begins with `‹prefix›:indexed:{‹namespace›}`. Scripts find the keys of indexes that an item leaves, and
/// of items that an index lists, by themselves: from that root and from names as they are stored.
struct IndexedKeys: Sendable {
    let root: String

    /// `prefix` is as configured, perhaps empty; the namespace was checked.
    init(prefix: String, namespace: String) {
        let prefix = KeyText.escaped(prefix)
        root = "\(prefix.isEmpty ? "" : prefix + ":")indexed:{\(KeyText.escaped(namespace))}"
    }

    /// A key as it stands in Redis keys and in indexes.
    func name(_ key: String, operation: String) throws(CacheError) -> String {
        try CacheKeys.check(key, "a key", operation: operation)
        return KeyText.escaped(key)
    }

    /// The caller's key again.
    static func key(of name: String) -> String { KeyText.unescaped(name) }

    func item(_ name: String) -> RedisKey { RedisKey(itemStart + name) }
    /// A second copy of the value, for who wants it when the item has expired.
    func kept(_ name: String) -> RedisKey { RedisKey("\(root):kept:\(name)") }
    /// The items that hold `value` under `name`; both are segments of a path, so that no two pairs share a key.
    func index(_ name: String, _ value: String) -> RedisKey { RedisKey("\(root):index:\(name):\(value)") }

    /// When items end, for those who want to be told.
    var due: RedisKey { RedisKey("\(root):due") }
    /// Ends that nobody has acknowledged.
    var expired: RedisKey { RedisKey("\(root):expired") }
    /// How often each was handed out.
    var attempts: RedisKey { RedisKey("\(root):attempts") }

    var itemStart: String { "\(root):item:" }
    var itemPattern: String { RedisGlob.escape(itemStart) + "*" }
    var indexPattern: String { RedisGlob.escape("\(root):index:") + "*" }

    /// What every script about one item works on.
    func keys(of name: String) -> [RedisKey] { [item(name), due, expired, kept(name)] }
}
