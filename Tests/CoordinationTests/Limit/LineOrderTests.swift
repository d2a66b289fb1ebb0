import RedisCore
import Testing

@testable import Coordination

@Suite struct LineOrderTests {
    @Test func `turns are in order of arrival, whoever leaves in between`() {
        var random = SplitMix(seed: 3)
        var lines = LineOrder()
        var expected: [String: [UInt64]] = [:]
        for id in 1...2_000 {
            let key = "\(Int.random(in: 0..<3, using: &random))"
            #expect(lines.join(UInt64(id), key) == (expected[key] ?? []).isEmpty)
            expected[key, default: []].append(UInt64(id))
            guard Int.random(in: 0..<5, using: &random) > 0 || id > 1_900 else { continue }
            let other = "\(Int.random(in: 0..<3, using: &random))"
            guard let line = expected[other], let gone = line.randomElement(using: &random) else { continue }
            expected[other] = line.filter { $0 != gone }
            let next = lines.leave(gone, other)
            #expect(next == (gone == line.first ? expected[other]?.first : nil))
            #expect(lines.leave(gone, other) == nil)
            #expect(lines.count(other) == expected[other]?.count)
        }
        for (key, line) in expected { for id in line { _ = lines.leave(id, key) } }
        #expect(lines.isEmpty)
    }

    @Test func `keys that only Unicode takes for the same have lines of their own`() {
        var lines = LineOrder()
        let first = lines.join(1, "caf\u{E9}")
        let second = lines.join(2, "cafe\u{301}")
        #expect(first && second)
        #expect(lines.count("caf\u{E9}") == 1)
    }
}
