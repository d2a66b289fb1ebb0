/// Whether bytes are a JSON text by themselves, of any type (RFC 8259).
///
/// Decoders are no judges: they take UTF-16 too, do not look at what nobody asks for, and need the stack for nesting.
struct JSONGrammar {
    /// How deep values may nest: what usual readers take.
    static let deepest = 512

    private let bytes: [UInt8]
    private var position = 0
    /// The brackets that are open.
    private var open: [UInt8] = []

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// True for one value with nothing but space around it.
    static func accepts(_ bytes: [UInt8]) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var grammar = JSONGrammar(bytes)
        return grammar.isText()
    }

    private mutating func isText() -> Bool {
        while let isWhole = begin() {
            guard isWhole else { continue }
            guard let isOver = end() else { return false }
            if isOver { return true }
        }
        return false
    }

    /// Reads a value, or opens one: true when it is whole, or empty; nil for a flaw.
    private mutating func begin() -> Bool? {
        skipSpace()
        switch next {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.deepest else { return nil }
            let bracket = bytes[position]
            open.append(bracket)
            position += 1
            skipSpace()
            if next == Self.closing(bracket) { return true }
            return bracket == UInt8(ascii: "[") || name() ? false : nil
        case UInt8(ascii: "\""): return string() ? true : nil
        case UInt8(ascii: "t"): return word("true") ? true : nil
        case UInt8(ascii: "f"): return word("false") ? true : nil
        case UInt8(ascii: "n"): return word("null") ? true : nil
        default: return number() ? true : nil
        }
    }

    /// Closes what ends behind a value: true at the end of the text, false before another value; nil for a flaw.
    private mutating func end() -> Bool? {
        while true {
            skipSpace()
            guard let bracket = open.last else { return position == bytes.count ? true : nil }
            if take(UInt8(ascii: ",")) { return bracket == UInt8(ascii: "[") || name() ? false : nil }
            guard take(Self.closing(bracket)) else { return nil }
            open.removeLast()
        }
    }

    /// Two behind the opening one in ASCII.
    private static func closing(_ bracket: UInt8) -> UInt8 { bracket + 2 }
}

extension JSONGrammar {
    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D { position += 1 }
    }

    private mutating func word(_ word: String) -> Bool {
        let isHere = bytes[position...].starts(with: word.utf8)
        if isHere { position += word.utf8.count }
        return isHere
    }

    /// A field's name and its colon.
    private mutating func name() -> Bool {
        skipSpace()
        guard string() else { return false }
        skipSpace()
        return take(UInt8(ascii: ":"))
    }

    private mutating func string() -> Bool {
        guard take(UInt8(ascii: "\"")) else { return false }
        while let byte = next {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return true
            case UInt8(ascii: "\\"): guard escape() else { return false }
            case ..<0x20: return false
            default: break
            }
        }
        return false
    }

    /// What follows a backslash.
    private mutating func escape() -> Bool {
        guard let byte = next else { return false }
        position += 1
        guard byte == UInt8(ascii: "u") else { return "\"\\/bfnrt".utf8.contains(byte) }
        for _ in 0..<4 {
            guard let digit = next, "0123456789abcdefABCDEF".utf8.contains(digit) else { return false }
            position += 1
        }
        return true
    }

    private mutating func number() -> Bool {
        _ = take(UInt8(ascii: "-"))
        // No other digit follows a leading zero.
        if !take(UInt8(ascii: "0")) { guard digits() else { return false } }
        if take(UInt8(ascii: ".")) { guard digits() else { return false } }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
            return digits()
        }
        return true
    }

    /// One at least.
    private mutating func digits() -> Bool {
        let start = position
        while let byte = next, byte >= 0x30, byte <= 0x39 { position += 1 }
        return position > start
    }
}
