import Testing

@testable import RedisCore

@Suite struct RandomTests {
    @Test func `SplitMix gives the published numbers of its seed`() {
        // Sebastiano Vigna's splitmix64.c with the state 1234567.
        var random = SplitMix(seed: 1_234_567)
        #expect(random.next() == 6_457_827_717_110_365_317)
        #expect(random.next() == 3_203_168_211_198_807_973)
        #expect(random.next() == 9_817_491_932_198_370_423)
    }

    @Test func `a spread is near one and not always the same`() {
        var random = SplitMix(seed: 5)
        let spreads = (0..<1_000).map { _ in random.spread() }
        #expect(spreads.allSatisfy { (0.9..<1.1).contains($0) })
        #expect(spreads.contains { $0 < 0.92 } && spreads.contains { $0 > 1.08 })
    }

    @Test func `the pool never gives a word twice, nor do two pools`() {
        var one = RandomPool()
        var other = RandomPool()
        let words = (0..<500).flatMap { _ in [one.next(), other.next()] }
        #expect(Set(words).count == words.count)
    }
}
