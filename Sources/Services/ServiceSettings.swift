import ConfigurationFiles
public import RedisCore
import Yams

/// The `config:` of one service while its factory reads it.
///
/// Nothing here throws: what is missing or wrong is noted with its file, line and key, a value that could be right is
/// returned in its place, and reading goes on, so that one run tells all mistakes. A key that the factory never asked
/// for is a mistake too, so **ask for every key, always**. What was read is not used when there was a mistake.
public struct ServiceSettings {
    /// The service's name.
    public let service: String

    private let path: String
    private let place: Node
    private let entries: [String: ConfigurationReader.Entry]
    private var reader: ConfigurationReader
    private var asked: [String] = []

    init(service: String, path: String, place: Node, config: Node?, reader: ConfigurationReader) {
        self.service = service
        self.path = path
        self.place = config ?? place
        var reader = reader
        let found = config.flatMap { $0.null == nil ? reader.entries($0, path, of: "a mapping") : [] } ?? []
        // A file has no key twice: its parser refuses that.
        entries = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
        self.reader = reader
    }

    /// Whether a key has a value, without asking for it.
    public func has(_ key: String) -> Bool { entries[key].map { $0.value.null == nil } ?? false }

    /// Text of at least one character.
    public mutating func text(_ key: String) -> String? {
        value(key).flatMap { reader.text($0, pathOf(key)) }
    }

    /// Text of at least one character, with a default.
    public mutating func text(_ key: String, default value: String) -> String { text(key) ?? value }

    /// Text that the service cannot be without.
    public mutating func requiredText(_ key: String) -> String {
        guard has(key) else { return missing(key, "") }
        return text(key) ?? ""
    }

    /// Text that may be empty, which is none; so is a variable that is not set and has no default.
    public mutating func optionalText(_ key: String) -> String? {
        let text = value(key).flatMap { reader.text($0, pathOf(key), allowEmpty: true, unset: "") }
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A password: as ``optionalText(_:)``, and never printed.
    public mutating func secret(_ key: String) -> Secret? { optionalText(key).map { Secret($0) } }

    /// A whole number.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        value(key).flatMap { reader.integer($0, pathOf(key), in: range) }
    }

    /// A whole number with a default.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>, default value: Int) -> Int {
        integer(key, in: range) ?? value
    }

    /// A whole number that the service cannot be without.
    public mutating func requiredInteger(_ key: String, in range: ClosedRange<Int>) -> Int {
        guard has(key) else { return missing(key, range.lowerBound) }
        return integer(key, in: range) ?? range.lowerBound
    }

    /// A duration such as `250ms`, `30s`, `15m`; a plain number is seconds.
    public mutating func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        value(key).flatMap { reader.duration($0, pathOf(key), in: range, takesSeconds: true) }
    }

    /// A duration with a default.
    public mutating func duration(
        _ key: String, in range: ClosedRange<Duration>, default value: Duration
    ) -> Duration {
        duration(key, in: range) ?? value
    }

    /// A duration that the service cannot be without.
    public mutating func requiredDuration(_ key: String, in range: ClosedRange<Duration>) -> Duration {
        guard has(key) else { return missing(key, range.lowerBound) }
        return duration(key, in: range) ?? range.lowerBound
    }

    /// True or false, with a default.
    public mutating func flag(_ key: String, default value: Bool) -> Bool {
        self.value(key).flatMap { reader.flag($0, pathOf(key)) } ?? value
    }

    /// One of a few words, with a default.
    public mutating func choice(_ key: String, of words: [String], default value: String) -> String {
        self.value(key).flatMap { reader.choice($0, pathOf(key), of: words) } ?? value
    }

    /// Whether the value is this word; the key counts as asked for.
    mutating func isWord(_ word: String, _ key: String) -> Bool { value(key)?.scalar?.string == word }

    /// Several texts; none when the key is missing.
    public mutating func texts(_ key: String) -> [String] {
        guard let node = value(key), let elements = reader.elements(node, pathOf(key)) else { return [] }
        return elements.compactMap { reader.text($0.node, $0.key) }
    }

    /// Notes something wrong with a key's value, at its place.
    public mutating func report(_ key: String, _ message: String) {
        reader.report(entries[key]?.value ?? place, pathOf(key), message)
    }

    // MARK: For the registry

    /// Everything that is wrong, keys that nobody asked for among it.
    mutating func finish() -> [ConfigurationProblem] {
        for entry in entries.values where !asked.contains(entry.name) {
            reader.reportUnknown(entry, of: path, known: asked)
        }
        return reader.problems
    }

    private func pathOf(_ key: String) -> String { "\(path).\(key)" }

    private mutating func value(_ key: String) -> Node? {
        if !asked.contains(key) { asked.append(key) }
        return entries[key].flatMap { $0.value.null == nil ? $0.value : nil }
    }

    private mutating func missing<T>(_ key: String, _ value: T) -> T {
        _ = self.value(key)
        reader.report(place, pathOf(key), "is missing: the service cannot be without")
        return value
    }
}
