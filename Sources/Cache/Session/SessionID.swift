import RedisCore
import Synchronization

/// What proves that somebody is in a session: put ``value`` into a cookie, and make one of the cookie that comes back.
///
/// 38 characters for URLs and cookies: 16 name the user's cluster slot, 22 are 128 random bits of the operating system.
/// Whoever has it is the user, so it never prints itself, and Redis is given its SHA-256 only: neither its keys,
/// MONITOR, SLOWLOG nor a backup hold an id that works.
public struct SessionID: Sendable, Hashable {
    /// The text to hand to the user's browser or app, and to nobody else.
    public let value: String

    /// An id as it came from outside; what cannot be one is unknown to every store, without a round trip.
    public init(_ value: String) { self.value = value }
}

extension SessionID {
    private static let tagLength = 16
    private static let length = 38

    private static let random = Mutex(RandomPool())

    /// A new one for a user.
    static func make(tag: String) -> SessionID {
        let words = random.withLock { ($0.next(), $0.next()) }
        let bytes = withUnsafeBytes(of: words) { Base64URL.encode($0) }
        return SessionID(tag + bytes)
    }

    /// What it is called at rest; nil when it cannot be an id.
    var reference: SessionReference? {
        guard value.utf8.count == Self.length, Base64URL.isText(value.utf8) else { return nil }
        var hash = SHA256()
        hash.update(value.utf8)
        return SessionReference(
            tag: String(value.prefix(Self.tagLength)), name: Base64URL.encode(hash.digest().prefix(16)))
    }

    /// The tag of a user: 96 bits of a hash, as user names may be long and private; another one in each store.
    static func tag(user: String, prefix: String) -> String {
        var hash = SHA256()
        hash.update("session:\(prefix.utf8.count):\(prefix):".utf8)
        hash.update(user.utf8)
        return Base64URL.encode(hash.digest().prefix(12))
    }
}

extension SessionID: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// Always `<session id>`.
    public var description: String { "<session id>" }
    /// Always `<session id>`.
    public var debugDescription: String { "<session id>" }
    /// Nothing to see.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension SessionID: Codable {
    /// Reads the text.
    public init(from decoder: any Decoder) throws { value = try decoder.singleValueContainer().decode(String.self) }

    /// Writes the text: only for the one whose session it is.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}

/// Names a session without being able to enter it: for lists of devices, audit logs, and to end a session by.
public struct SessionReference: Sendable, Hashable {
    let tag: String
    let name: String

    init(tag: String, name: String) {
        self.tag = tag
        self.name = name
    }

    /// A reference as text, such as in a form; nil when it cannot be one.
    public init?(_ value: String) {
        let parts = value.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0].utf8.count == 16, parts[1].utf8.count == 22,
            parts.allSatisfy({ Base64URL.isText($0.utf8) })
        else { return nil }
        self.init(tag: String(parts[0]), name: String(parts[1]))
    }

    /// 39 characters.
    public var value: String { "\(tag).\(name)" }
}

extension SessionReference: CustomStringConvertible, Codable {
    /// The text.
    public var description: String { value }

    /// Reads the text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let reference = SessionReference(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a session's reference")
        }
        self = reference
    }

    /// Writes the text.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(value)
    }
}
