import RedisCore
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
    let high: UInt64
    let low: UInt64

    init() { (high, low) = Self.pool.withLock { ($0.next(), $0.next()) } }

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    var bits: (high: UInt64, low: UInt64) { (high, low) }
    /// As Redis stores it: 32 hexadecimal digits.
    var text: String { TokenScriptCall.text(of: bits) }

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
