import FoundationEssentials

/// A JSON object's text, cut into its fields without reading their values.
///
/// Decoding and encoding again would lose what the types here do not hold: digits beyond 2⁵³, the difference between
/// `[]` and `{}`, the order of fields, how text was escaped. So a change replaces the bytes of one value and copies
/// the rest.
struct JSONObjectText: Sendable {
    private struct Field {
        /// Without quotes and escapes, as bytes: `é` in one scalar and in two are two names.
        let name: [UInt8]
        let nameText: Range<Int>
        let value: Range<Int>
    }

    let bytes: [UInt8]
    private let fields: [Field]
    /// Behind the last field, or behind the opening brace.
    private let contentEnd: Int

    /// nil when the text is no object.
    init?(_ bytes: [UInt8]) {
        var scanner = Scanner(bytes)
        var fields: [Field] = []
        guard scanner.take("{") else { return nil }
        var end = scanner.position
        if !scanner.take("}") {
            repeat {
                guard let name = scanner.string(), scanner.take(":"), let value = scanner.value(),
                    let plain = Self.unescaped(bytes[name])
                else { return nil }
                fields.append(Field(name: plain, nameText: name, value: value))
                end = value.upperBound
            } while scanner.take(",")
            guard scanner.take("}") else { return nil }
        }
        guard scanner.isAtEnd else { return nil }
        self.bytes = bytes
        self.fields = fields
        contentEnd = end
    }

    /// This object with the fields of another one: values of the same name replaced in their place, the others added
    /// at the end.
    func merging(_ other: JSONObjectText) -> [UInt8] {
        let changes = Dictionary(
            other.fields.map { ($0.name, $0) }, uniquingKeysWith: { _, last in last })
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + other.bytes.count)
        var copied = 0
        for field in fields {
            guard let change = changes[field.name] else { continue }
            result += bytes[copied..<field.value.lowerBound]
            result += other.bytes[change.value]
            copied = field.value.upperBound
        }
        result += bytes[copied..<contentEnd]
        let known = Set(fields.map(\.name))
        var isFirst = fields.isEmpty
        for field in other.fields where !known.contains(field.name) && changes[field.name]?.value == field.value {
            if !isFirst { result.append(UInt8(ascii: ",")) }
            isFirst = false
            result += other.bytes[field.nameText]
            result.append(UInt8(ascii: ":"))
            result += other.bytes[field.value]
        }
        result += bytes[contentEnd...]
        return result
    }

    /// The text of a string with its quotes, read.
    private static func unescaped(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard text.contains(UInt8(ascii: "\\")) else { return Array(text.dropFirst().dropLast()) }
        return try? Array(JSONDecoder().decode(String.self, from: Data(text)).utf8)
    }
}

/// Finds where values end; it needs no depth on the stack, so that nesting cannot exhaust it.
private struct Scanner {
    private let bytes: [UInt8]
    private(set) var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool {
        mutating get {
            skipSpace()
            return position == bytes.count
        }
    }

    /// One of the characters of the grammar, if it is next.
    mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    /// A string with its quotes.
    mutating func string() -> Range<Int>? {
        skipSpace()
        let start = position
        return position < bytes.count && bytes[position] == UInt8(ascii: "\"") && skipString()
            ? start..<position : nil
    }

    /// A value of any kind.
    mutating func value() -> Range<Int>? {
        skipSpace()
        let start = position
        var open: [UInt8] = []
        repeat {
            guard position < bytes.count else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "\""): guard skipString() else { return nil }
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                open.append(bytes[position])
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                // The closing bracket is two behind the opening one in ASCII.
                guard let last = open.popLast(), last + 2 == bytes[position] else { return nil }
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"), 0x20, 0x09, 0x0A, 0x0D:
                guard !open.isEmpty else { return nil }
                position += 1
            default: skipWord()
            }
        } while !open.isEmpty
        return position > start ? start..<position : nil
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    /// A number or one of the three words.
    private mutating func skipWord() {
        while position < bytes.count, !Self.isSpace(bytes[position]), !Self.isMark(bytes[position]) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private static func isMark(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["),
            UInt8(ascii: "]"), UInt8(ascii: "\""):
            true
        default: false
        }
    }

    private mutating func skipString() -> Bool {
        position += 1
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\\"): position += 2
            case UInt8(ascii: "\""):
                position += 1
                return true
            default: position += 1
            }
        }
        return false
    }
}
