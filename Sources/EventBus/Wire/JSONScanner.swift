/// Walks over JSON text (RFC 8259), proves that it is JSON and tells where values lie; builds nothing.
///
/// Nesting is kept in bits, not in call frames, so ten thousand brackets cost a comparison each and no stack. The text
/// must be valid UTF-8 already.
struct JSONScanner {
    enum Fault: Error, Equatable {
        case malformed(at: Int)
        case tooDeep
    }

    /// One member of an object.
    struct Member {
        /// The key's bytes between the quotes.
        var key: Range<Int>
        var keyHasEscapes: Bool
        /// The value's bytes, quotes or brackets included.
        var value: Range<Int>
    }

    private var index = 0
    private let maxDepth: Int

    init(maxDepth: Int) { self.maxDepth = maxDepth }

    /// Demands that nothing but white space is left.
    mutating func expectEnd(_ text: Span<UInt8>) throws(Fault) {
        skipWhitespace(text)
        if index < text.count { throw .malformed(at: index) }
    }

    /// Steps into an object.
    mutating func beginObject(_ text: Span<UInt8>) throws(Fault) {
        skipWhitespace(text)
        guard maxDepth >= 1 else { throw .tooDeep }
        try expect(UInt8(ascii: "{"), text)
    }

    /// The next member of the object begun last, whose members so far are `count`; nil after its closing brace.
    mutating func nextMember(_ text: Span<UInt8>, after count: Int) throws(Fault) -> Member? {
        skipWhitespace(text)
        if skip(UInt8(ascii: "}"), text) { return nil }
        if count > 0 {
            try expect(UInt8(ascii: ","), text)
            skipWhitespace(text)
        }
        let keyStart = index + 1
        let keyHasEscapes = try skipString(text)
        let key = keyStart..<(index - 1)
        try skipColon(text)
        skipWhitespace(text)
        let start = index
        try skipValue(text, depth: 1)
        return Member(key: key, keyHasEscapes: keyHasEscapes, value: start..<index)
    }

    /// Steps over one value that stands `depth` levels deep.
    mutating func skipValue(_ text: Span<UInt8>, depth: Int = 0) throws(Fault) {
        var nesting = Nesting()
        while true {
            skipWhitespace(text)
            guard index < text.count else { throw .malformed(at: index) }
            switch text[index] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                if try open(text, &nesting, depth: depth) { continue }
            case UInt8(ascii: "\""): _ = try skipString(text)
            case UInt8(ascii: "-"), 48...57: try skipNumber(text)
            case UInt8(ascii: "t"): try skipWord("true", text)
            case UInt8(ascii: "f"): try skipWord("false", text)
            case UInt8(ascii: "n"): try skipWord("null", text)
            default: throw .malformed(at: index)
            }
            if try !close(text, &nesting) { return }
        }
    }

    /// Enters a container; false when it is empty and therefore already left.
    private mutating func open(_ text: Span<UInt8>, _ nesting: inout Nesting, depth: Int) throws(Fault) -> Bool {
        let isObject = text[index] == UInt8(ascii: "{")
        guard depth + nesting.depth < maxDepth else { throw .tooDeep }
        index += 1
        skipWhitespace(text)
        if skip(isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), text) { return false }
        nesting.push(isObject)
        if isObject {
            _ = try skipString(text)
            try skipColon(text)
        }
        return true
    }

    /// After a value: leaves the containers that end here; true when another value follows.
    private mutating func close(_ text: Span<UInt8>, _ nesting: inout Nesting) throws(Fault) -> Bool {
        while nesting.depth > 0 {
            skipWhitespace(text)
            if skip(UInt8(ascii: ","), text) {
                if nesting.isObject {
                    skipWhitespace(text)
                    _ = try skipString(text)
                    try skipColon(text)
                }
                return true
            }
            try expect(nesting.isObject ? UInt8(ascii: "}") : UInt8(ascii: "]"), text)
            nesting.pop()
        }
        return false
    }

    // MARK: Tokens

    /// Steps over a string with its quotes; true when it contains escapes.
    mutating func skipString(_ text: Span<UInt8>) throws(Fault) -> Bool {
        try expect(UInt8(ascii: "\""), text)
        var hasEscapes = false
        while index < text.count {
            let byte = text[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return hasEscapes }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try skipEscape(text)
            } else if byte < 0x20 {
                throw .malformed(at: index - 1)
            }
        }
        throw .malformed(at: index)
    }

    private mutating func skipEscape(_ text: Span<UInt8>) throws(Fault) {
        guard index < text.count else { throw .malformed(at: index) }
        switch text[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            index += 1
        case UInt8(ascii: "u"):
            guard index + 4 < text.count else { throw .malformed(at: index) }
            for offset in 1...4 where JSONString.hexDigit(text[index + offset]) == nil {
                throw .malformed(at: index + offset)
            }
            index += 5
        default: throw .malformed(at: index)
        }
    }

    private mutating func skipNumber(_ text: Span<UInt8>) throws(Fault) {
        _ = skip(UInt8(ascii: "-"), text)
        if !skip(UInt8(ascii: "0"), text) { try skipDigits(text) }
        if skip(UInt8(ascii: "."), text) { try skipDigits(text) }
        if skip(UInt8(ascii: "e"), text) || skip(UInt8(ascii: "E"), text) {
            if !skip(UInt8(ascii: "+"), text) { _ = skip(UInt8(ascii: "-"), text) }
            try skipDigits(text)
        }
    }

    private mutating func skipDigits(_ text: Span<UInt8>) throws(Fault) {
        let start = index
        while index < text.count, case 48...57 = text[index] { index += 1 }
        if index == start { throw .malformed(at: index) }
    }

    private mutating func skipWord(_ word: StaticString, _ text: Span<UInt8>) throws(Fault) {
        for offset in 0..<word.utf8CodeUnitCount {
            try expect(word.utf8Start[offset], text)
        }
    }

    private mutating func skipColon(_ text: Span<UInt8>) throws(Fault) {
        skipWhitespace(text)
        try expect(UInt8(ascii: ":"), text)
    }

    private mutating func skipWhitespace(_ text: Span<UInt8>) {
        while index < text.count {
            switch text[index] {
            case 0x20, 0x09, 0x0A, 0x0D: index += 1
            default: return
            }
        }
    }

    private mutating func skip(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
        guard index < text.count, text[index] == byte else { return false }
        index += 1
        return true
    }

    private mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) throws(Fault) {
        if !skip(byte, text) { throw .malformed(at: index) }
    }
}

/// Which containers are open, one bit each: an object or an array.
///
/// Up to 64 levels need no allocation.
private struct Nesting {
    private(set) var depth = 0
    private var word: UInt64 = 0
    private var full: [UInt64] = []

    var isObject: Bool { word & 1 == 1 }

    mutating func push(_ isObject: Bool) {
        if depth > 0, depth & 63 == 0 {
            full.append(word)
            word = 0
        }
        word = word << 1 | (isObject ? 1 : 0)
        depth += 1
    }

    mutating func pop() {
        word >>= 1
        depth -= 1
        if depth & 63 == 0, let last = full.popLast() { word = last }
    }
}
