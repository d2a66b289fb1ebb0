/// A channel pattern, matched byte by byte as Redis 7 does (`stringmatchlen` in its util.c), oddities included.
///
/// `*` any bytes, `?` one byte, `[abc]`, `[^a]`, `[a-z]` one byte of a set, `\` takes the next byte as it is.
/// An unclosed set ends with the pattern. Time is at most pattern × name: only the last `*` is ever tried again.
struct GlobPattern: Sendable, Hashable {
    private let bytes: [UInt8]

    init(_ pattern: String) { bytes = Array(pattern.utf8) }

    func matches(_ name: String) -> Bool { matches(Array(name.utf8)) }

    func matches(_ name: [UInt8]) -> Bool {
        // Redis never looks into a pattern when the name is empty.
        if name.isEmpty { return bytes.isEmpty }
        var pattern = 0
        var index = 0
        var retry: (pattern: Int, index: Int)?
        while index < name.count {
            if pattern < bytes.count, bytes[pattern] == UInt8(ascii: "*") {
                retry = (pattern, index)
                pattern += 1
            } else if let next = step(at: pattern, over: name[index]) {
                pattern = next
                index += 1
            } else if let (star, start) = retry {
                // The last star swallows one byte more.
                retry = (star, start + 1)
                pattern = star + 1
                index = start + 1
            } else {
                return false
            }
        }
        while pattern < bytes.count, bytes[pattern] == UInt8(ascii: "*") { pattern += 1 }
        return pattern == bytes.count
    }

    /// The place after the element at `pattern` when that element takes `byte`; nil when it does not.
    private func step(at pattern: Int, over byte: UInt8) -> Int? {
        guard pattern < bytes.count else { return nil }
        switch bytes[pattern] {
        case UInt8(ascii: "?"): return pattern + 1
        case UInt8(ascii: "["):
            let (isMember, next) = set(at: pattern + 1, contains: byte)
            return isMember ? next : nil
        case UInt8(ascii: "\\") where pattern + 1 < bytes.count:
            return bytes[pattern + 1] == byte ? pattern + 2 : nil
        case let literal: return literal == byte ? pattern + 1 : nil
        }
    }

    /// Whether the set that begins at `start` contains `byte`, and the place after the set.
    private func set(at start: Int, contains byte: UInt8) -> (Bool, next: Int) {
        var index = start
        let isNegated = index < bytes.count && bytes[index] == UInt8(ascii: "^")
        if isNegated { index += 1 }
        var found = false
        while index < bytes.count {
            let left = bytes.count - index
            if bytes[index] == UInt8(ascii: "\\"), left >= 2 {
                if bytes[index + 1] == byte { found = true }
                index += 2
            } else if bytes[index] == UInt8(ascii: "]") {
                return (found != isNegated, index + 1)
            } else if left >= 3, bytes[index + 1] == UInt8(ascii: "-") {
                // Redis takes the bounds in either order, and a `]` as a bound too.
                let (low, high) = (min(bytes[index], bytes[index + 2]), max(bytes[index], bytes[index + 2]))
                if (low...high).contains(byte) { found = true }
                index += 3
            } else {
                if bytes[index] == byte { found = true }
                index += 1
            }
        }
        return (found != isNegated, index)
    }
}
