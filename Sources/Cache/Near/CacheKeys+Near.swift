import RedisCore

extension CacheKeys {
    /// What a near cache of this root wants to be told of: entries, and the stamps of tags and namespaces.
    ///
    /// Braces in names are escaped, so a brace is one of ours.
    var trackedPrefixes: [String] { ["\(root):", "{\(root)}:", "{\(root):"] }

    /// Where near caches without tracking tell each other what they changed; the version is that of ``NearMessage``.
    var backplane: String { "\(root):near:1\(wakeSuffix.dropFirst(":wake".count))" }

    /// What a changed key is to the near cache.
    enum Changed {
        case entry
        /// A stamp: everything of its tag or namespace has ended.
        case group
        /// A fill lease and the like, which say nothing about values.
        case companion
    }

    /// Pure, by the key's form alone.
    @inline(__always)
    static func changed(_ key: UnsafeRawBufferPointer) -> Changed {
        guard key.first == UInt8(ascii: "{") else { return .entry }
        guard let end = key.firstIndex(of: UInt8(ascii: "}")) else { return .companion }
        let rest = key[(end + 1)...]
        if rest.elementsEqual(":epoch".utf8) || rest.starts(with: ":tag:".utf8) { return .group }
        return .companion
    }
}
