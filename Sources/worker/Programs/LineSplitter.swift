/// Cuts a program's output into lines for the log, within limits.
///
/// A line is at most ``Limits/line`` bytes (the rest of it is counted, not kept), all lines together at most
/// ``Limits/total`` bytes; beyond that output is counted and thrown away. Memory is bounded by one line.
struct LineSplitter {
    struct Limits: Sendable, Equatable {
        var line = 16_384
        var total = 1_048_576
    }

    private let limits: Limits
    private var line: [UInt8] = []
    private var cutFromLine = 0
    private var kept = 0
    private(set) var discarded = 0

    init(limits: Limits = Limits()) { self.limits = limits }

    /// The lines that `bytes` completed.
    mutating func append(_ bytes: some Sequence<UInt8>) -> [String] {
        var lines: [String] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n") {
                if let complete = takeLine() { lines.append(complete) }
            } else if kept >= limits.total {
                discarded += 1
            } else if line.count < limits.line {
                line.append(byte)
                kept += 1
            } else {
                cutFromLine += 1
            }
        }
        return lines
    }

    /// What is left when the output ends: an unfinished line, and a note when output was thrown away.
    mutating func finish() -> [String] {
        var lines: [String] = []
        if !line.isEmpty, let last = takeLine() { lines.append(last) }
        if discarded > 0 {
            lines.append("… output limit of \(limits.total) bytes reached, \(discarded) more not shown")
        }
        return lines
    }

    private mutating func takeLine() -> String? {
        defer {
            line.removeAll(keepingCapacity: true)
            cutFromLine = 0
        }
        // After the total limit, line ends alone are not worth empty lines in the log.
        if line.isEmpty, discarded > 0 { return nil }
        if line.last == UInt8(ascii: "\r") { line.removeLast() }
        let text = String(decoding: line, as: UTF8.self)
        return cutFromLine == 0 ? text : "\(text)… (\(cutFromLine) more bytes in this line)"
    }
}
