import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// Proof of one acquisition: 128 random bits in hexadecimal.
///
/// Never reused, never derived from the process or the name.
struct Token: Sendable, Hashable {
    let text: String

    init() {
        let (high, low) = Self.pool.withLock { ($0.next(), $0.next()) }
        self.init(high: high, low: low)
    }

    init(high: UInt64, low: UInt64) {
        text = String(unsafeUninitializedCapacity: 32) { buffer in
            for index in 0..<16 {
                buffer[index] = Self.digit(high, index)
                buffer[index + 16] = Self.digit(low, index)
            }
            return 32
        }
    }

    /// The digit at `index`, most significant first.
    private static func digit(_ value: UInt64, _ index: Int) -> UInt8 {
        let nibble = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 15
        return nibble < 10 ? 48 + nibble : 87 + nibble
    }

    private static let pool = Mutex(RandomPool())
}

/// Random words of the operating system, fetched many at a time: two system calls a lock would be a tenth of its cost.
struct RandomPool {
    private var words: [UInt64] = []

    mutating func next() -> UInt64 {
        if words.isEmpty { words = Self.fetch(32) }
        return words.removeLast()
    }

    private static func fetch(_ count: Int) -> [UInt64] {
        #if canImport(Glibc) || canImport(Musl)
        var words = [UInt64](repeating: 0, count: count)
        // 256 bytes are the most that it gives at once; they come whole or not at all.
        if getentropy(&words, count * MemoryLayout<UInt64>.size) == 0 { return words }
        #endif
        var generator = SystemRandomNumberGenerator()
        return (0..<count).map { _ in generator.next() }
    }
}
