import FoundationEssentials
import RedisCore
import Synchronization

/// Proof of one fill lease: 128 random bits in hexadecimal, never used twice.
struct FillToken: Sendable, Hashable {
    let text: String

    init() {
        let (high, low) = Self.pool.withLock { ($0.next(), $0.next()) }
        text = Self.digits(high) + Self.digits(low)
    }

    private static func digits(_ word: UInt64) -> String {
        let digits = String(word, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static let pool = Mutex(RandomPool())
}

/// What tells one entry under a key from the next: its head with the time it was written, and its length.
struct EntryPrint: Sendable, Hashable {
    /// No entry.
    static let none = EntryPrint(bytes: Data())

    let bytes: Data

    private init(bytes: Data) { self.bytes = bytes }

    init(_ entry: Data) {
        self.init(bytes: entry.isEmpty ? Data() : entry.prefix(Envelope.smallest) + Data("\(entry.count)".utf8))
    }
}
