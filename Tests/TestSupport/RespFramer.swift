/// Finds where Redis values end in a stream, without keeping the stream.
struct RespFramer {
    /// The end of one top-level value.
    struct Boundary: Equatable {
        /// Offset just behind it, within the bytes that were fed.
        let offset: Int
        /// The first 4 KiB of its strings, separated by spaces: `SET key value`.
        let words: String
    }

    private static let wordLimit = 4_096

    private enum Mode {
        case line
        case bulk(remaining: Int)
    }

    private var mode = Mode.line
    private var line: [UInt8] = []
    /// Elements still to come, one entry per open array.
    private var open: [Int] = []
    private var words: [UInt8] = []

    /// Consumes bytes and returns the values that end in them.
    mutating func feed(_ bytes: [UInt8]) -> [Boundary] {
        var boundaries: [Boundary] = []
        var index = 0
        while index < bytes.count {
            let ended: Bool
            switch mode {
            case .line:
                line.append(bytes[index])
                index += 1
                ended = bytes[index - 1] == UInt8(ascii: "\n") && endLine()
            case .bulk(let remaining):
                let count = min(remaining, bytes.count - index)
                keep(bytes[index..<index + count])
                index += count
                mode = .bulk(remaining: remaining - count)
                ended = remaining == count && endBulk()
            }
            if ended {
                boundaries.append(Boundary(offset: index, words: String(decoding: words, as: UTF8.self)))
                words = []
            }
        }
        return boundaries
    }

    /// True when a top-level value ended with this line.
    private mutating func endLine() -> Bool {
        let text = String(decoding: line.dropLast(line.count > 1 ? 2 : 1), as: UTF8.self)
        line = []
        let count = Int(text.dropFirst()) ?? 0
        switch text.first {
        case "$" where count >= 0:
            mode = .bulk(remaining: count + 2)
            return false
        case "*" where count > 0:
            open.append(count)
            return false
        default:
            keep(Array(text.utf8)[...])
            return endElement()
        }
    }

    private mutating func endBulk() -> Bool {
        mode = .line
        // The bulk's own line end was kept as a part of it.
        while words.last == 13 || words.last == 10 { words.removeLast() }
        words.append(UInt8(ascii: " "))
        return endElement()
    }

    private mutating func endElement() -> Bool {
        while let remaining = open.last {
            open[open.count - 1] = remaining - 1
            if remaining > 1 { return false }
            open.removeLast()
        }
        return true
    }

    private mutating func keep(_ bytes: ArraySlice<UInt8>) {
        words += bytes.prefix(max(0, Self.wordLimit - words.count))
    }
}
