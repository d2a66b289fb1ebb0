import RedisCore
import Synchronization

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
