/// A small generator for jitter and tests: fast, the same numbers on every machine for a seed, not for secrets.
///
/// Steele, Lea and Flood, OOPSLA 2014, in the form of Sebastiano Vigna's splitmix64.c.
package struct SplitMix: RandomNumberGenerator, Sendable {
    @usableFromInline
    var state: UInt64

    @inlinable
    package init(seed: UInt64) { state = seed }

    @inlinable
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// Evenly between 0.9 and 1.1.
    package mutating func spread() -> Double { 0.9 + 0.2 * Double(next() >> 11) / Double(1 << 53) }
}
