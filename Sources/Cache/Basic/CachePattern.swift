import RedisCore

/// Which keys are meant: a glob over names, into which no value can smuggle a wildcard.
///
/// ```swift
/// let mine = try await cache.keys(matching: "session:\(userID):*")
/// ```
///
/// Only what stands in the source text is a pattern: `*` matches any run, `?` one byte, `[a-z]` and `[^a-z]` one byte
/// of a class, `\` takes the next character as it is. What is interpolated matches itself, whatever characters it has;
/// an interpolated `CachePattern` stays a pattern. Text that is only known at run time, such as a tool's argument,
/// becomes a pattern by ``init(glob:)`` and in no other way.
///
/// Keys are stored escaped (`%2A` for `*`), and a pattern's own text is escaped the same way. So an escaped character
/// counts as three bytes for `?`, as one beyond ASCII counts as two to four, and neither can be a member of a class. A
/// class must open and close within one piece of source text; a bracket that does not is an ordinary character.
public struct CachePattern: Sendable, Hashable {
    let glob: CacheGlob

    /// Every key: `*`.
    public static let all: CachePattern = "*"

    /// Reads text as a pattern, wildcards and all; never give it what a user chose.
    public init(glob text: String) { glob = CacheGlob(text) }

    /// The pattern that matches exactly this name.
    public static func exactly(_ name: String) -> CachePattern { "\(name)" }

    /// The pattern of all names that begin so.
    public static func prefix(_ start: String) -> CachePattern { "\(start)*" }

    /// Whether a name, as callers write it, is meant.
    public func matches(_ name: String) -> Bool { glob.matches(KeyText.escaped(name).utf8) }
}

extension CachePattern: ExpressibleByStringInterpolation {
    /// A pattern without values.
    public init(stringLiteral text: String) { self.init(glob: text) }

    /// A pattern with values in it.
    public init(stringInterpolation parts: StringInterpolation) { glob = parts.glob }

    /// Gathers source text as glob and values as themselves.
    public struct StringInterpolation: StringInterpolationProtocol {
        var glob = CacheGlob()

        /// Starts with nothing.
        public init(literalCapacity: Int, interpolationCount: Int) {}

        /// Source text, wildcards and all.
        public mutating func appendLiteral(_ text: String) { glob.append(CacheGlob(text)) }

        /// A value, which matches itself.
        public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            glob.append(exactly: value.description)
        }

        /// A pattern, which stays one.
        public mutating func appendInterpolation(_ pattern: CachePattern) { glob.append(pattern.glob) }
    }
}

extension CachePattern: CustomStringConvertible {
    /// The glob as Redis gets it, without the cache's prefix.
    public var description: String { glob.text }
}

extension CacheKeys {
    /// The MATCH argument for the entries that are meant; an escaped prefix has no wildcards.
    func matching(_ pattern: CachePattern) -> String { start + pattern.glob.text }
}
