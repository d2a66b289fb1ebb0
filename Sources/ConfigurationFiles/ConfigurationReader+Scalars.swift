import RedisCore
package import Yams

extension ConfigurationReader {
    /// True or false, also when it comes from a variable.
    package mutating func flag(_ node: Node, _ key: String, orMapping: Bool = false) -> Bool? {
        let form = orMapping ? "true, false or a mapping" : "true or false"
        guard let text = scalarText(node, key, expecting: form) else { return nil }
        switch text {
        case "true": return true
        case "false": return false
        default:
            report(node, key, "must be \(form), not \(shown(text, node))")
            return nil
        }
    }

    /// A whole number within `range`, also when it comes from a variable.
    ///
    /// - Parameter word: What else may stand there; only told.
    package mutating func integer(
        _ node: Node, _ key: String, in range: ClosedRange<Int>, orWord word: String? = nil
    ) -> Int? {
        let word = word.map { ", or \($0)" } ?? ""
        guard let text = scalarText(node, key, expecting: "a whole number\(word)") else { return nil }
        guard let value = Int(text), range.contains(value) else {
            let bounds = "\(range.lowerBound) to \(range.upperBound)\(word)"
            report(node, key, "must be a whole number from \(bounds), not \(shown(text, node))")
            return nil
        }
        return value
    }

    /// A number that `isFitting`, as `form` says in words.
    package mutating func number(
        _ node: Node, _ key: String, form: String, where isFitting: (Double) -> Bool
    ) -> Double? {
        guard let text = scalarText(node, key, expecting: "a number, \(form)") else { return nil }
        guard let value = Double(text), value.isFinite, isFitting(value) else {
            report(node, key, "must be a number, \(form), not \(shown(text, node))")
            return nil
        }
        return value
    }

    /// A size such as `64KiB` within `range`; a plain number is bytes.
    package mutating func bytes(_ node: Node, _ key: String, in range: ClosedRange<Int>) -> Int? {
        guard let text = scalarText(node, key, expecting: "a size (\(ByteText.form))") else { return nil }
        guard let value = ByteText.parse(text) else {
            report(node, key, "must be a size (\(ByteText.form)), not \(shown(text, node))")
            return nil
        }
        guard range.contains(value) else {
            let bounds = "\(ByteText.text(range.lowerBound)) to \(ByteText.text(range.upperBound))"
            report(node, key, "must be from \(bounds), not \(shown(text, node))")
            return nil
        }
        return value
    }

    /// A duration such as `30s` within `range`; with `takesSeconds` also a plain number.
    ///
    /// - Parameter word: What else may stand there; only told.
    package mutating func duration(
        _ node: Node, _ key: String, in range: ClosedRange<Duration>, takesSeconds: Bool = false,
        orWord word: String? = nil
    ) -> Duration? {
        let form = (takesSeconds ? "seconds, or " : "") + DurationText.form + (word.map { "; or \($0)" } ?? "")
        guard let text = scalarText(node, key, expecting: "a duration (\(form))") else { return nil }
        guard let value = DurationText.parse(takesSeconds && Int64(text) != nil ? text + "s" : text) else {
            report(node, key, "\(shown(text, node)) is not a duration: \(form)")
            return nil
        }
        guard range.contains(value) else {
            let bounds = "\(Self.text(range.lowerBound)) to \(Self.text(range.upperBound))"
            report(node, key, "must be from \(bounds), not \(shown(text, node))")
            return nil
        }
        return value
    }

    /// Whether a value is this word, also when it comes from a variable; reports nothing.
    package func isWord(_ word: String, _ node: Node) -> Bool {
        guard let text = node.scalar?.string else { return false }
        guard let environment else { return text == word }
        return (try? Interpolation.expand(text, environment: environment)) == word
    }

    /// A duration as in a file; whole days as such where there are two or more.
    package static func text(_ duration: Duration) -> String {
        let day: Int64 = 86_400
        let (seconds, attoseconds) = duration.components
        if duration == .zero { return "0s" }
        guard attoseconds == 0, seconds >= 2 * day, seconds.isMultiple(of: day) else {
            return DurationText.text(duration)
        }
        return "\(seconds / day)d"
    }

    /// Whether a value is not the file's own: it comes from a variable that is set, not from a default.
    package func isFromVariable(_ node: Node) -> Bool {
        guard let environment, let raw = node.scalar?.string else { return false }
        let meant = try? Interpolation.expand(raw, environment: environment, unset: "")
        return meant != (try? Interpolation.expand(raw, environment: [:], unset: ""))
    }

    /// A value that cannot be used, for an error.
    ///
    /// What a variable stands for is not told, only what the file itself says: the wrong variable may have been named,
    /// and it may hold a secret.
    package func shown(_ text: String, _ node: Node) -> String {
        if isFromVariable(node), let raw = node.scalar?.string { return "what '\(Self.excerpt(raw))' stands for" }
        return text.isEmpty ? "empty text" : "'\(Self.excerpt(text))'"
    }
}
