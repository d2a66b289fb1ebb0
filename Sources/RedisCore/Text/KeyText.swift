/// Names inside Redis keys, escaped: they can neither choose a cluster slot, match a pattern nor break a log line.
///
/// Bytes below 0x20, 0x7F and `{ } % * ? [ ] \` become `%XX`.
package enum KeyText {
    /// The name, escaped; unchanged when there is nothing to escape.
    package static func escaped(_ name: String) -> String { isPlain(name) ? name : rewritten(name, also: nil) }

    /// The same of each of several; nothing is copied when there is nothing to escape.
    package static func escaped(_ names: [String]) -> [String] {
        names.allSatisfy(isPlain) ? names : names.map { escaped($0) }
    }

    /// The same for one segment of a path: `:` is escaped too, so that a name cannot reach into another's keys.
    package static func segment(_ name: String) -> String {
        isPlain(name) && !name.utf8.contains(colon) ? name : rewritten(name, also: colon)
    }

    private static let colon = UInt8(ascii: ":")

    /// Nearly every name is; this is asked for each key of each call.
    private static func isPlain(_ name: String) -> Bool {
        let isPlain = name.utf8.withContiguousStorageIfAvailable { bytes in
            for byte in bytes where needsEscape(byte) { return false }
            return true
        }
        return isPlain ?? !name.utf8.contains(where: needsEscape)
    }

    /// The name as it was before; text that was not escaped here comes back as it is.
    package static func unescaped(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return text }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = hexadecimal(rest.prefix(2)) {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self) ?? text
    }

    private static func rewritten(_ name: String, also extra: UInt8?) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(name.utf8.count + 8)
        for byte in name.utf8 {
            if needsEscape(byte) || byte == extra {
                bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Two hexadecimal digits of the form that `escaped` writes.
    private static func hexadecimal(_ digits: Substring.UTF8View) -> UInt8? {
        guard digits.count == 2 else { return nil }
        var value: UInt8 = 0
        for digit in digits {
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | (digit - UInt8(ascii: "0"))
            case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | (digit - UInt8(ascii: "A") + 10)
            default: return nil
            }
        }
        return value
    }

    @inline(__always)
    private static func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x80 && (byte < 64 ? lowerEscaped : upperEscaped) >> UInt64(byte & 63) & 1 == 1
    }

    /// A bit for each byte below 64: the controls and `% * ?`; numbers, so that nothing is initialised at run time.
    @inline(__always)
    private static var lowerEscaped: UInt64 { 0xFFFF_FFFF | 1 << 37 | 1 << 42 | 1 << 63 }

    /// A bit for each byte from 64 to 127: `[ \ ] { }` and 0x7F.
    @inline(__always)
    private static var upperEscaped: UInt64 { 1 << 27 | 1 << 28 | 1 << 29 | 1 << 59 | 1 << 61 | 1 << 63 }
}
