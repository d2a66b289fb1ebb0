import ConfigurationFiles
import Yams

/// The `config:` of one service while its factory reads it.
///
/// Nothing here throws: what is missing or wrong is noted with its file, line and key, a value that could be right is
/// returned in its place, and reading goes on, so that one run tells all mistakes. A key that the factory never asked
/// for is a mistake too, so **ask for every key, always**. What was read is not used when there was a mistake.
public struct ServiceSettings {
    /// A key that nobody may ask for, until all has been asked for.
    private struct Stray {
        let entry: ConfigurationReader.Entry
        let path: String
        let section: String
        let known: [String]
    }

    /// The service's name.
    public let service: String

    /// Where this mapping stands in the file.
    private let path: String
    /// Where it stands below `config:`; empty for that itself.
    private let section: String
    private let place: Node
    private let entries: [String: ConfigurationReader.Entry]
    private var strays: [Stray] = []
    var reader: ConfigurationReader
    /// What was asked for, by whom it is documented.
    private(set) var keys: [SettingKey] = []
    /// Names of other services, with the places where they are named.
    private(set) var references: [ServiceReference] = []

    init(service: String, path: String, place: Node, config: Node?, reader: ConfigurationReader) {
        self.init(service: service, path: path, section: "", place: place, config: config, reader: reader)
    }

    /// Without a file, to find out what is asked for.
    init(config: Node?) {
        self.init(
            service: "", path: "config", place: Node(""), config: config, reader: ConfigurationReader(environment: nil))
    }

    private init(
        service: String, path: String, section: String, place: Node, config: Node?, reader: ConfigurationReader
    ) {
        self.service = service
        self.path = path
        self.section = section
        self.place = config ?? place
        var reader = reader
        let found = config.flatMap { $0.null == nil ? reader.entries($0, path, of: "a mapping") : [] } ?? []
        // A file has no key twice: its parser refuses that.
        entries = Dictionary(found.map { ($0.name, $0) }) { first, _ in first }
        self.reader = reader
    }

    /// Whether a key has a value, without asking for it.
    public func has(_ key: String) -> Bool { entries[key].map { $0.value.null == nil } ?? false }

    /// Notes something wrong with a key's value, at its place.
    public mutating func report(_ key: String, _ message: String) {
        reader.report(entries[key]?.value ?? place, pathOf(key), message)
    }

    /// Notes that the settings do not fit together.
    public mutating func report(_ message: String) { reader.report(place, path, message) }

    // MARK: For the readers of values

    func pathOf(_ key: String) -> String { "\(path).\(key)" }

    /// The value, if there is one; `form` and `fallback` are for the manual.
    mutating func value(_ key: String, _ form: String, fallback: String? = nil, isNeeded: Bool = false) -> Node? {
        note(SettingKey(key, form, fallback: fallback, isNeeded: isNeeded))
        return entries[key].flatMap { $0.value.null == nil ? $0.value : nil }
    }

    private mutating func note(_ key: SettingKey) {
        if !keys.contains(where: { $0.path == key.path }) { keys.append(key) }
    }

    /// Whether the value is not the file's own.
    func isFromVariable(_ key: String) -> Bool { entries[key].map { reader.isFromVariable($0.value) } ?? false }

    /// Whether the value is this word.
    func isWord(_ word: String, _ key: String) -> Bool {
        entries[key].map { reader.isWord(word, $0.value) } ?? false
    }

    /// Asks for keys whose values were reported already.
    mutating func skip(_ read: (inout ServiceSettings) -> Void) {
        var copy = self
        read(&copy)
        keys = copy.keys
    }

    mutating func missing(_ key: String) {
        reader.report(place, pathOf(key), "is missing; it has no default")
    }

    /// Reads the mapping under a key; what is missing is an empty one, whose problems count only if it `isUsed`.
    mutating func read<T>(
        _ key: String, _ node: Node?, path: String? = nil, isUsed: Bool, _ read: (inout ServiceSettings) -> T
    ) -> T {
        var inner = ServiceSettings(
            service: service, path: path ?? pathOf(key), section: section.isEmpty ? key : "\(section).\(key)",
            place: node ?? place, config: node, reader: ConfigurationReader(environment: reader.environment))
        let value = read(&inner)
        for known in inner.keys { note(known.below(key)) }
        guard isUsed else { return value }
        inner.collectStrays()
        strays += inner.strays
        references += inner.references
        reader.adopt(inner.reader.problems)
        return value
    }

    mutating func refer(to name: String, _ key: String, _ node: Node) {
        references.append(
            ServiceReference(
                name: name, shown: reader.shown(name, node), isFromVariable: reader.isFromVariable(node),
                path: pathOf(key), place: node))
    }

    private mutating func collectStrays() {
        let known = keys.filter(\.section.isEmpty).map(\.name)
        for entry in entries.values where !known.contains(entry.name) {
            strays.append(Stray(entry: entry, path: path, section: section, known: known))
        }
    }

    // MARK: For the registry

    /// Everything that is wrong, keys that nobody asked for among it.
    mutating func finish() -> [ConfigurationProblem] {
        collectStrays()
        for stray in strays {
            let hint = SettingHint.hint(for: stray.entry.name, in: stray.section, keys: keys)
            reader.reportUnknown(stray.entry, of: stray.path, known: stray.known, hint: hint)
        }
        return reader.problems
    }
}
