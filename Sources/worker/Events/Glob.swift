/// Glob matching by the rules of Redis' channel patterns: `*`, `?`, `[abc]`, `[^a-z]`, and `\` before a literal.
///
/// Works on UTF-8 bytes, as Redis does, so a pattern means the same here and in PSUBSCRIBE. Time is bounded by
/// pattern length times text length: a `*` is resumed in place instead of by recursion.
struct Glob: Sendable, Hashable, CustomStringConvertible {
    let pattern: String
    private let bytes: [UInt8]

    init(_ pattern: String) {
        self.pattern = pattern
        bytes = Array(pattern.utf8)
    }

    var description: String { pattern }

    /// True when the text contains a character that makes it a pattern rather than a name.
    static func isPattern(_ text: String) -> Bool { text.utf8.contains { "*?[\\".utf8.contains($0) } }

    func matches(_ text: String) -> Bool {
        let text = Array(text.utf8)
        var (patternIndex, textIndex) = (0, 0)
        // Where to resume when a later part does not fit: after the last star, with one more byte swallowed by it.
        var resume: (pattern: Int, text: Int)?
        while textIndex < text.count {
            if patternIndex < bytes.count, bytes[patternIndex] == UInt8(ascii: "*") {
                patternIndex += 1
                resume = (patternIndex, textIndex)
            } else if let next = matchOne(text[textIndex], at: patternIndex) {
                patternIndex = next
                textIndex += 1
            } else if let (starPattern, starText) = resume {
                patternIndex = starPattern
                textIndex = starText + 1
                resume = (starPattern, starText + 1)
            } else {
                return false
            }
        }
        return bytes[patternIndex...].allSatisfy { $0 == UInt8(ascii: "*") }
    }

    /// The index after the pattern element at `index` when it matches `byte`.
    private func matchOne(_ byte: UInt8, at index: Int) -> Int? {
        guard index < bytes.count else { return nil }
        switch bytes[index] {
        case UInt8(ascii: "?"):
            return index + 1
        case UInt8(ascii: "["):
            return matchClass(byte, at: index + 1)
        case UInt8(ascii: "\\") where index + 1 < bytes.count:
            return bytes[index + 1] == byte ? index + 2 : nil
        default:
            return bytes[index] == byte ? index + 1 : nil
        }
    }

    private func matchClass(_ byte: UInt8, at start: Int) -> Int? {
        var index = start
        var negated = false
        if index < bytes.count, bytes[index] == UInt8(ascii: "^") {
            negated = true
            index += 1
        }
        var found = false
        while index < bytes.count, bytes[index] != UInt8(ascii: "]") {
            if bytes[index] == UInt8(ascii: "\\"), index + 1 < bytes.count {
                index += 1
                found = found || bytes[index] == byte
            } else if index + 2 < bytes.count, bytes[index + 1] == UInt8(ascii: "-") {
                let bounds = (min(bytes[index], bytes[index + 2]), max(bytes[index], bytes[index + 2]))
                found = found || (bounds.0...bounds.1).contains(byte)
                index += 2
            } else {
                found = found || bytes[index] == byte
            }
            index += 1
        }
        // An unclosed class ends with the pattern, as in Redis.
        return found != negated ? min(index + 1, bytes.count) : nil
    }
}
