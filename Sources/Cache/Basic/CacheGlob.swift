import RedisCore

/// A glob over escaped names, read once: what Redis is sent and what is matched here are the same thing.
///
/// Redis' own reader has surprises (a `-` before `]` swallows the bracket, an open class ends with the pattern). What
/// ``text`` writes has none of them.
struct CacheGlob: Sendable, Hashable {
    enum Token: Sendable, Hashable {
        case byte(UInt8)
        case anyByte
        case anyRun
        case oneOf(ByteClass)
    }

    private(set) var tokens: [Token] = []

    init() {}

    /// Reads glob text; whatever is no wildcard is escaped as it is in keys.
    init(_ text: String) {
        var rest = Substring(text).unicodeScalars
        while let scalar = rest.popFirst() {
            switch scalar {
            case "*": append(.anyRun)
            case "?": append(.anyByte)
            case "[":
                if let (members, after) = ByteClass.read(rest) {
                    append(members.matchesAll ? .anyByte : .oneOf(members))
                    rest = after
                } else {
                    append(exactly: "[")
                }
            case "\\": append(exactly: String(rest.popFirst() ?? "\\"))
            default: append(exactly: String(scalar))
            }
        }
    }

    /// Text that matches itself.
    mutating func append(exactly text: String) { tokens += KeyText.escaped(text).utf8.map(Token.byte) }

    mutating func append(_ other: CacheGlob) {
        for token in other.tokens { append(token) }
    }

    private mutating func append(_ token: Token) {
        // Two runs in a row say no more than one, and cost a matcher a level.
        if token == .anyRun, tokens.last == .anyRun { return }
        tokens.append(token)
    }

    /// The pattern for Redis.
    ///
    /// Escaped names have no `* ? [ ] \`, so single bytes need no backslash.
    var text: String {
        var bytes: [UInt8] = []
        for token in tokens {
            switch token {
            case .byte(let byte): bytes.append(byte)
            case .anyByte: bytes.append(UInt8(ascii: "?"))
            case .anyRun: bytes.append(UInt8(ascii: "*"))
            case .oneOf(let members): bytes += members.text.utf8
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether an escaped name is meant; at most (bytes × tokens) steps, whatever the pattern.
    func matches(_ name: some Collection<UInt8>) -> Bool {
        let name = Array(name)
        var (at, token) = (0, 0)
        // Where the last run began, and how far it has been stretched.
        var run: (token: Int, end: Int)?
        while at < name.count {
            if token < tokens.count, tokens[token] == .anyRun {
                run = (token, at)
                token += 1
            } else if token < tokens.count, Self.matches(tokens[token], name[at]) {
                at += 1
                token += 1
            } else if let last = run {
                run = (last.token, last.end + 1)
                (at, token) = (last.end + 1, last.token + 1)
            } else {
                return false
            }
        }
        return tokens[token...].allSatisfy { $0 == .anyRun }
    }

    private static func matches(_ token: Token, _ byte: UInt8) -> Bool {
        switch token {
        case .byte(let wanted): wanted == byte
        case .anyByte: true
        case .anyRun: false
        case .oneOf(let members): members.contains(byte)
        }
    }
}

/// A class such as `[a-z]` or `[^0-9]`: ASCII bytes that stand in keys as they are.
struct ByteClass: Sendable, Hashable {
    private var isNegated = false
    private var members: UInt128 = 0

    /// Reads what follows a `[`; nil when no `]` ends it.
    static func read(
        _ text: Substring.UnicodeScalarView
    ) -> (members: ByteClass, after: Substring.UnicodeScalarView)? {
        var members = ByteClass()
        var rest = text
        if rest.first == "^" {
            members.isNegated = true
            rest.removeFirst()
        }
        while let scalar = rest.popFirst() {
            if scalar == "]" { return (members, rest) }
            guard let low = scalar == "\\" ? rest.popFirst() : scalar else { return nil }
            var high = low
            let next = rest.dropFirst().first
            if rest.first == "-", let next, next != "]" {
                rest.removeFirst(2)
                guard let end = next == "\\" ? rest.popFirst() : next else { return nil }
                high = end
            }
            members.insert(min(low, high), max(low, high))
        }
        return nil
    }

    private mutating func insert(_ low: Unicode.Scalar, _ high: Unicode.Scalar) {
        for value in low.value...max(low.value, min(high.value, 0x7F)) {
            guard let byte = UInt8(exactly: value), byte < 0x80 else { return }
            // What is escaped in keys never stands there as itself.
            let scalar = String(Unicode.Scalar(byte))
            if KeyText.escaped(scalar) == scalar { members |= 1 << UInt128(byte) }
        }
    }

    var matchesAll: Bool { isNegated && members == 0 }

    func contains(_ byte: UInt8) -> Bool {
        let isMember = byte < 0x80 && members >> UInt128(byte) & 1 == 1
        return isMember != isNegated
    }

    /// The class for Redis, as runs; `^` and `-` get a backslash where they could mean something else.
    var text: String {
        var text = isNegated ? "[^" : "["
        var byte: UInt8 = 0
        while byte < 0x80 {
            guard isMember(byte) else {
                byte += 1
                continue
            }
            var end = byte
            if byte != UInt8(ascii: "^"), byte != UInt8(ascii: "-") {
                while isMember(end + 1) { end += 1 }
            } else {
                text += "\\"
            }
            text.unicodeScalars.append(Unicode.Scalar(byte))
            if end > byte {
                text += "-"
                text.unicodeScalars.append(Unicode.Scalar(end))
            }
            byte = end + 1
        }
        return text + "]"
    }

    private func isMember(_ byte: UInt8) -> Bool { byte < 0x80 && members >> UInt128(byte) & 1 == 1 }
}
