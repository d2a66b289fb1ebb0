import RedisCore

/// Every key and channel of this module is made here; `docs/keys.md` lists them.
///
/// All keys of one object share the hash tag made from its name. Pub/sub knows no database numbers, so channels carry
/// the number. The channel is the key plus a suffix, so that a script needs only the suffix.
final class CoordinationKeys: Sendable {
    /// Longest accepted name, in bytes of UTF-8.
    static let longestName = 1_024

    let naming: LockKeys
    let prefix: String
    /// Prefix, kind and the opening brace.
    private let lockStart: String
    /// `:wake:` and the database number.
    let wakeSuffix: String

    init(_ configuration: RedisConfiguration, naming: LockKeys) {
        self.naming = naming
        prefix = configuration.prefix.isEmpty ? "" : configuration.prefix + ":"
        lockStart = prefix + "lock:{"
        wakeSuffix = ":wake:\(configuration.database)"
    }

    /// What stands before and behind a lock's key in the name of its fence.
    var aroundFence: (before: String, after: String) {
        switch naming.style {
        case .standard: ("", ":fence")
        case .plain: ("{", "}:fence")
        }
    }

    /// The key of a lock's fence.
    func fence(of lock: String) -> String { aroundFence.before + lock + aroundFence.after }

    /// The lock's own key.
    func lock(_ name: String) throws(CoordinationError) -> String {
        try Self.check(name, "a lock's name")
        switch naming.style {
        case .standard: return Self.join(lockStart, Self.escaped(name), "}")
        case .plain(let plainPrefix):
            guard !Self.hasBrace(name) else {
                throw CoordinationError(
                    .invalidArgument, operation: "acquire",
                    message: "a lock's name may not contain braces with plain keys: they would choose the cluster slot")
            }
            return plainPrefix.isEmpty ? name : "\(plainPrefix):\(name)"
        }
    }

    /// The record of one guarded task.
    func once(_ id: String) throws(CoordinationError) -> String {
        try Self.check(id, "a task's id")
        return "\(prefix)once:{\(Self.escaped(id))}"
    }

    /// Where the end of a key's holder is announced.
    func wakeChannel(_ key: String) -> String { key + wakeSuffix }

    /// The fence seen last at a resource, in the slot of the resource's key.
    static func guardKey(of resource: String) throws(CoordinationError) -> String {
        if hasHashTag(resource) { return resource + ":guard" }
        guard !resource.isEmpty, !hasBrace(resource) else {
            throw CoordinationError(
                .invalidArgument, operation: "fencedSet", key: resource,
                message: "a guarded key must be neither empty nor have braces that are no hash tag")
        }
        return "{\(resource)}:guard"
    }

    static func check(_ name: String, _ what: String) throws(CoordinationError) {
        guard !name.isEmpty, name.utf8.count <= longestName else {
            throw CoordinationError(
                .invalidArgument, operation: "key",
                message: "\(what) has \(name.utf8.count) bytes; it must have 1 to \(longestName)")
        }
    }

    /// Something stands between the first `{` and the next `}`.
    private static func hasHashTag(_ key: String) -> Bool {
        let bytes = key.utf8
        guard let open = bytes.firstIndex(of: UInt8(ascii: "{")) else { return false }
        let start = bytes.index(after: open)
        guard let close = bytes[start...].firstIndex(of: UInt8(ascii: "}")) else { return false }
        return close > start
    }

    private static func hasBrace(_ text: String) -> Bool {
        text.utf8.contains { $0 == UInt8(ascii: "{") || $0 == UInt8(ascii: "}") }
    }

    /// Three parts in one allocation: locks are named very often.
    private static func join(_ start: String, _ name: String, _ end: String) -> String {
        String(unsafeUninitializedCapacity: start.utf8.count + name.utf8.count + end.utf8.count) { buffer in
            var filled = 0
            append(start, to: buffer, &filled)
            append(name, to: buffer, &filled)
            append(end, to: buffer, &filled)
            return filled
        }
    }

    private static func append(_ part: String, to buffer: UnsafeMutableBufferPointer<UInt8>, _ filled: inout Int) {
        let rest = UnsafeMutableBufferPointer(rebasing: buffer[filled...])
        let copied: Int? = part.utf8.withContiguousStorageIfAvailable { bytes in
            _ = rest.update(fromContentsOf: bytes)
            return bytes.count
        }
        if let copied {
            filled += copied
        } else {
            for byte in part.utf8 {
                buffer[filled] = byte
                filled += 1
            }
        }
    }

    /// Percent-escapes what could move a key to another slot, match a pattern or break a log line.
    static func escaped(_ name: String) -> String { KeyText.escaped(name) }
}
