/// JSON string literals: reading their escapes and writing them.
enum JSONString {
    static func hexDigit(_ byte: UInt8) -> UInt16? {
        switch byte {
        case 48...57: UInt16(byte - 48)
        case 65...70: UInt16(byte - 55)
        case 97...102: UInt16(byte - 87)
        default: nil
        }
    }

    /// The text between the quotes at `range`, which a `JSONScanner` has checked.
    static func decode(_ range: Range<Int>, hasEscapes: Bool, in bytes: [UInt8]) -> String {
        guard hasEscapes else { return String(decoding: bytes[range], as: UTF8.self) }
        var text: [UInt8] = []
        text.reserveCapacity(range.count)
        var index = range.lowerBound
        while index < range.upperBound {
            guard bytes[index] == UInt8(ascii: "\\") else {
                text.append(bytes[index])
                index += 1
                continue
            }
            index = decodeEscape(at: index + 1, before: range.upperBound, in: bytes, into: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Reads what follows a backslash; returns the index after it.
    private static func decodeEscape(
        at index: Int, before end: Int, in bytes: [UInt8], into text: inout [UInt8]
    ) -> Int {
        switch bytes[index] {
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            let high = codeUnit(at: index + 1, in: bytes)
            var next = index + 5
            var units = [high]
            if UTF16.isLeadSurrogate(high), next + 6 <= end, bytes[next] == UInt8(ascii: "\\"),
                bytes[next + 1] == UInt8(ascii: "u"),
                case let low = codeUnit(at: next + 2, in: bytes), UTF16.isTrailSurrogate(low)
            {
                units.append(low)
                next += 6
            }
            // Half a surrogate pair becomes U+FFFD, as in Go.
            text.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
            return next
        case let byte: text.append(byte)
        }
        return index + 1
    }

    private static func codeUnit(at index: Int, in bytes: [UInt8]) -> UInt16 {
        bytes[index..<(index + 4)].reduce(0) { $0 << 4 | (hexDigit($1) ?? 0) }
    }

    /// Appends the text as a literal with its quotes.
    static func append(_ text: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x00..<0x20:
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(hex(byte >> 4))
                bytes.append(hex(byte & 15))
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private static func hex(_ nibble: UInt8) -> UInt8 { nibble < 10 ? 48 + nibble : 87 + nibble }
}
