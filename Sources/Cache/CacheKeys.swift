import RedisCore

/// Every key and channel of a cache is made here; `docs/keys.md` lists them.
///
/// An entry's key is `‹prefix›:‹key›`, readable by other programs. What belongs to it lies under `{‹entry›}:‹part›`:
/// the whole entry key is the hash tag, and so in the entry's own slot; no pattern of the cache matches it.
struct CacheKeys: Sendable {
    /// Longest accepted name, in bytes of UTF-8.
    static let longestName = 1_024

    /// Escaped; empty for entries without a prefix.
    let prefix: String
    /// The prefix of the outermost cache: tags belong to all that is within.
    let root: String
    /// Stamps of this namespace and of those around it, the innermost first.
    let epochs: [RedisKey]
    /// Pub/sub knows no databases: channels carry the number.
    let wakeSuffix: String

    /// The outermost namespace.
    init(prefix: String, database: Int) {
        let prefix = KeyText.escaped(prefix)
        self.prefix = prefix
        root = prefix
        epochs = [Self.epoch(prefix)]
        wakeSuffix = ":wake:\(database)"
    }

    private init(_ parent: CacheKeys, _ segment: String) {
        prefix = parent.prefix.isEmpty ? segment : "\(parent.prefix):\(segment)"
        root = parent.root
        epochs = [Self.epoch(prefix)] + parent.epochs
        wakeSuffix = parent.wakeSuffix
    }

    /// The namespace `name` within this one; colons in it separate levels.
    func nested(_ name: String) -> CacheKeys { CacheKeys(self, KeyText.escaped(name)) }

    /// A namespace of its own for each id: no id reaches into another's, whatever it contains.
    func nested(_ kind: String, id: String) -> CacheKeys { CacheKeys(self, "\(kind):\(KeyText.segment(id))") }

    /// What all entries' keys begin with.
    var start: String { prefix.isEmpty ? "" : prefix + ":" }

    /// An entry's own key.
    func entry(_ key: String, operation: String) throws(CacheError) -> RedisKey {
        try Self.check(key, "a key", operation: operation)
        return RedisKey(start + KeyText.escaped(key))
    }

    /// Whether a key can be an entry of this namespace: its own braces are escaped, those of counters and locks not.
    func isEntry(_ key: RedisKey) -> Bool {
        key.name.utf8.starts(with: start.utf8) && !key.name.utf8.contains(UInt8(ascii: "{"))
    }

    /// The caller's name of an entry; nil when it is not of this namespace.
    ///
    /// Of an entry of a tenant further in it is only for people: the tenant's id may have had colons.
    func name(of entry: RedisKey) -> String? {
        guard isEntry(entry) else { return nil }
        return KeyText.unescaped(String(entry.name.utf8.dropFirst(start.utf8.count)) ?? "")
    }

    /// Who is loading an entry's value.
    static func lease(of entry: RedisKey) -> RedisKey { RedisKey("{\(entry.name)}:fill") }

    /// When a tag was last invalidated.
    func tag(_ tag: String) -> RedisKey { RedisKey(Self.tag(tag, root: root)) }

    static func tag(_ tag: String, root: String) -> String { "{\(root)}:tag:\(KeyText.escaped(tag))" }

    private static func epoch(_ prefix: String) -> RedisKey { RedisKey("{\(prefix)}:epoch") }

    static func check(_ name: String, _ what: String, operation: String) throws(CacheError) {
        guard !name.isEmpty, name.utf8.count <= longestName else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "\(what) has \(name.utf8.count) bytes; it must have 1 to \(longestName)")
        }
    }

    static func check(tags: [String], operation: String) throws(CacheError) {
        guard tags.count <= Envelope.mostTags else {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "an entry has \(tags.count) tags; it may have \(Envelope.mostTags)")
        }
        for tag in tags where tag.isEmpty || tag.utf8.count > Envelope.longestTag {
            throw CacheError(
                .invalidArgument, operation: operation,
                message: "a tag has \(tag.utf8.count) bytes; it must have 1 to \(Envelope.longestTag)")
        }
    }
}
