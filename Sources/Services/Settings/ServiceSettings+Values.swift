import ConfigurationFiles
import Yams
public import RedisCore

extension ServiceSettings {
    // MARK: Text

    /// Text of at least one character.
    public mutating func text(_ key: String) -> String? { readText(key, fallback: nil) }

    /// Text of at least one character, with a default.
    public mutating func text(_ key: String, default value: String) -> String {
        readText(key, fallback: value) ?? value
    }

    private mutating func readText(_ key: String, fallback: String?) -> String? {
        value(key, "text", fallback: fallback).flatMap { reader.text($0, pathOf(key)) }
    }

    /// Text that the service cannot be without.
    public mutating func requiredText(_ key: String) -> String {
        guard let node = value(key, "text", isNeeded: true) else {
            missing(key)
            return ""
        }
        return reader.text(node, pathOf(key)) ?? ""
    }

    /// Text that may be empty, which is none; so is a variable that is not set and has no default.
    public mutating func optionalText(_ key: String) -> String? {
        let text = value(key, "text, may be empty").flatMap {
            reader.text($0, pathOf(key), allowEmpty: true, unset: "")
        }
        return text.flatMap { $0.isEmpty ? nil : $0 }
    }

    /// A password: as ``optionalText(_:)``, and never printed.
    public mutating func secret(_ key: String) -> Secret? { optionalText(key).map { Secret($0) } }

    /// Several texts; none when the key is missing.
    public mutating func texts(_ key: String) -> [String] {
        guard let node = value(key, "list of texts"), let elements = reader.elements(node, pathOf(key)) else {
            return []
        }
        return elements.compactMap { reader.text($0.node, $0.key) }
    }

    /// One of a few words, with a default.
    public mutating func choice(_ key: String, of words: [String], default value: String) -> String {
        let node = self.value(key, Self.list(words), fallback: value)
        return node.flatMap { reader.choice($0, pathOf(key), of: words) } ?? value
    }

    // MARK: Numbers

    /// A whole number.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>) -> Int? {
        readInteger(key, range, fallback: nil)
    }

    /// A whole number with a default.
    public mutating func integer(_ key: String, in range: ClosedRange<Int>, default value: Int) -> Int {
        readInteger(key, range, fallback: value) ?? value
    }

    private mutating func readInteger(_ key: String, _ range: ClosedRange<Int>, fallback: Int?) -> Int? {
        value(key, Self.form(range), fallback: fallback.map { "\($0)" })
            .flatMap { reader.integer($0, pathOf(key), in: range) }
    }

    /// A whole number that the service cannot be without.
    public mutating func requiredInteger(_ key: String, in range: ClosedRange<Int>) -> Int {
        guard let node = value(key, Self.form(range), isNeeded: true) else {
            missing(key)
            return range.lowerBound
        }
        return reader.integer(node, pathOf(key), in: range) ?? range.lowerBound
    }

    /// A whole number, or `none`, which is nil.
    public mutating func optionalInteger(
        _ key: String, in range: ClosedRange<Int>, default value: Int? = nil
    ) -> Int? {
        let node = self.value(key, "\(Self.form(range)), or none", fallback: value.map { "\($0)" } ?? "none")
        guard let node else { return value }
        return reader.isWord("none", node)
            ? nil : reader.integer(node, pathOf(key), in: range, orWord: "none") ?? value
    }

    /// A number with a default.
    public mutating func number(_ key: String, in range: ClosedRange<Double>, default value: Double) -> Double {
        let form = "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
        return number(key, form: form, default: value) { range.contains($0) } ?? value
    }

    /// A number of another form, which `form` says in words.
    mutating func number(
        _ key: String, form: String, default value: Double?, where isFitting: (Double) -> Bool
    ) -> Double? {
        let node = self.value(key, form, fallback: value.map(Self.text))
        return node.flatMap { reader.number($0, pathOf(key), form: form, where: isFitting) } ?? value
    }

    /// A size such as `64KiB` or `1MiB`, with a default; a plain number is bytes.
    public mutating func bytes(_ key: String, in range: ClosedRange<Int>, default value: Int) -> Int {
        let form = "\(ByteText.text(range.lowerBound)) to \(ByteText.text(range.upperBound))"
        let node = self.value(key, form, fallback: ByteText.text(value))
        return node.flatMap { reader.bytes($0, pathOf(key), in: range) } ?? value
    }

    /// True or false, with a default.
    public mutating func flag(_ key: String, default value: Bool) -> Bool {
        self.value(key, "true or false", fallback: "\(value)").flatMap { reader.flag($0, pathOf(key)) } ?? value
    }

    // MARK: Durations

    /// A duration such as `250ms`, `30s`, `15m`; a plain number is seconds.
    public mutating func duration(_ key: String, in range: ClosedRange<Duration>) -> Duration? {
        readDuration(key, range, fallback: nil)
    }

    /// A duration with a default.
    public mutating func duration(
        _ key: String, in range: ClosedRange<Duration>, default value: Duration
    ) -> Duration {
        readDuration(key, range, fallback: value) ?? value
    }

    private mutating func readDuration(
        _ key: String, _ range: ClosedRange<Duration>, fallback: Duration?
    ) -> Duration? {
        value(key, Self.form(range), fallback: fallback.map(ConfigurationReader.text))
            .flatMap { reader.duration($0, pathOf(key), in: range, takesSeconds: true) }
    }

    /// A duration that the service cannot be without.
    public mutating func requiredDuration(_ key: String, in range: ClosedRange<Duration>) -> Duration {
        guard let node = value(key, Self.form(range), isNeeded: true) else {
            missing(key)
            return range.lowerBound
        }
        return reader.duration(node, pathOf(key), in: range, takesSeconds: true) ?? range.lowerBound
    }

    /// A duration, or `word`, which is nil.
    public mutating func optionalDuration(
        _ key: String, in range: ClosedRange<Duration>, default value: Duration? = nil, orWord word: String = "none"
    ) -> Duration? {
        let fallback = value.map(ConfigurationReader.text) ?? word
        guard let node = self.value(key, "\(Self.form(range)), or \(word)", fallback: fallback) else { return value }
        if reader.isWord(word, node) { return nil }
        return reader.duration(node, pathOf(key), in: range, takesSeconds: true, orWord: word) ?? value
    }

    // MARK: Forms

    static func list(_ words: [String]) -> String {
        words.count < 2
            ? words.joined() : words.dropLast().joined(separator: ", ") + " or " + (words.last ?? "")
    }

    private static func form(_ range: ClosedRange<Int>) -> String { "\(range.lowerBound) to \(range.upperBound)" }

    private static func form(_ range: ClosedRange<Duration>) -> String {
        "\(ConfigurationReader.text(range.lowerBound)) to \(ConfigurationReader.text(range.upperBound))"
    }

    private static func text(_ number: Double) -> String {
        number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
    }
}
