import RedisCore

/// What one near cache tells the others, where the server does not: one line of text.
///
/// `‹sender, 16 hexadecimal digits› ‹number› ‹k|g|*› ‹key›`: the sender's messages are counted from 1; `k` is an entry,
/// `g` the stamp of a tag or namespace, `*` everything. The channel's name carries the version of this line.
struct NearMessage: Sendable, Equatable {
    /// Keys are compared by their bytes, as Redis does.
    enum Change: Sendable, Hashable {
        case entry(ExactString)
        case group(ExactString)
        case all
    }

    let sender: UInt64
    let number: UInt64
    let change: Change

    var text: String {
        let digits = String(sender, radix: 16)
        let start = String(repeating: "0", count: 16 - digits.count) + digits + " \(number) "
        switch change {
        case .entry(let key): return start + "k " + key.text
        case .group(let key): return start + "g " + key.text
        case .all: return start + "*"
        }
    }

    init(sender: UInt64, number: UInt64, _ change: Change) {
        self.sender = sender
        self.number = number
        self.change = change
    }

    /// Reads a line; nil for what is none.
    init?(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        let parts = text.split(separator: " ", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count >= 3, parts[0].utf8.count == 16, let sender = UInt64(parts[0], radix: 16),
            let number = UInt64(parts[1]), number > 0
        else { return nil }
        self.sender = sender
        self.number = number
        switch (parts[2], parts.count == 4 ? String(parts[3]) : "") {
        case ("k", let key) where !key.isEmpty: change = .entry(ExactString(key))
        case ("g", let key) where !key.isEmpty: change = .group(ExactString(key))
        case ("*", ""): change = .all
        default: return nil
        }
    }
}
