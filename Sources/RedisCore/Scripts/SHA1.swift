/// SHA-1 (FIPS 180-4 §6.1), only to name scripts as Redis does; it protects nothing.
///
/// Redis identifies a script by this hash, so the choice is the server's. Each script is hashed once per process.
enum SHA1 {
    /// The hash of some bytes as 40 lower-case hexadecimal digits, the form EVALSHA takes.
    static func hexDigest(of message: some Collection<UInt8>) -> String {
        var state = State()
        var block: [UInt8] = []
        block.reserveCapacity(64)
        for byte in message {
            block.append(byte)
            if block.count == 64 {
                state.absorb(block)
                block.removeAll(keepingCapacity: true)
            }
        }
        // Padding: one set bit, zeros, and the length in bits as the last eight bytes of a block.
        block.append(0x80)
        if block.count > 56 {
            block.append(contentsOf: repeatElement(0, count: 64 - block.count))
            state.absorb(block)
            block.removeAll(keepingCapacity: true)
        }
        block.append(contentsOf: repeatElement(0, count: 56 - block.count))
        let bitCount = UInt64(message.count) &* 8
        for shift in stride(from: 56, through: 0, by: -8) {
            block.append(UInt8(truncatingIfNeeded: bitCount >> UInt64(shift)))
        }
        state.absorb(block)
        return state.hexadecimal
    }

    private struct State {
        var h0: UInt32 = 0x6745_2301
        var h1: UInt32 = 0xEFCD_AB89
        var h2: UInt32 = 0x98BA_DCFE
        var h3: UInt32 = 0x1032_5476
        var h4: UInt32 = 0xC3D2_E1F0

        mutating func absorb(_ block: [UInt8]) {
            var (a, b, c, d, e) = (h0, h1, h2, h3, h4)
            for (round, word) in Self.schedule(block).enumerated() {
                let (mix, constant): (UInt32, UInt32) =
                    switch round {
                    case ..<20: ((b & c) | (~b & d), 0x5A82_7999)
                    case ..<40: (b ^ c ^ d, 0x6ED9_EBA1)
                    case ..<60: ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC)
                    default: (b ^ c ^ d, 0xCA62_C1D6)
                    }
                let next = Self.rotate(a, 5) &+ mix &+ e &+ constant &+ word
                (e, d, c, b, a) = (d, c, Self.rotate(b, 30), a, next)
            }
            h0 &+= a
            h1 &+= b
            h2 &+= c
            h3 &+= d
            h4 &+= e
        }

        /// The block's 16 big-endian words, expanded to one per round.
        static func schedule(_ block: [UInt8]) -> [UInt32] {
            var words: [UInt32] = []
            words.reserveCapacity(80)
            for start in stride(from: 0, to: 64, by: 4) {
                words.append(block[start..<start + 4].reduce(0) { $0 << 8 | UInt32($1) })
            }
            for t in 16..<80 {
                words.append(rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1))
            }
            return words
        }

        static func rotate(_ word: UInt32, _ bits: UInt32) -> UInt32 { word << bits | word >> (32 - bits) }

        var hexadecimal: String {
            [h0, h1, h2, h3, h4].map { word in
                let digits = String(word, radix: 16)
                return String(repeating: "0", count: 8 - digits.count) + digits
            }.joined()
        }
    }
}
