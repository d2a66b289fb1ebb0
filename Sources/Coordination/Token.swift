/// Proof of one acquisition: 128 random bits in hexadecimal.
///
/// Never reused, never derived from the process or the name.
struct Token: Sendable, Hashable {
    let text: String

    init() {
        var generator = SystemRandomNumberGenerator()
        self.init(high: generator.next(), low: generator.next())
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
}
