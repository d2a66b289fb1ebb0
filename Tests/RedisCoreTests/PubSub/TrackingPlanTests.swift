import Testing

@testable import RedisCore

@Suite struct `A tracking plan` {
    private func plan(_ prefixes: String...) -> TrackingPlan { TrackingPlan(prefixes.map { Array($0.utf8) }) }

    private func texts(_ plan: TrackingPlan) -> [String] { plan.prefixes.map { String(decoding: $0, as: UTF8.self) } }

    @Test func `covers every wanted prefix without two that overlap`() {
        #expect(texts(plan("shop:users:", "shop:", "{shop", "shop:", "bank:")) == ["shop:", "{shop", "bank:"])
        #expect(texts(plan("a", "ab", "b", "ba", "c")) == ["a", "b", "c"])
        #expect(plan().isEmpty)
    }

    @Test func `compares bytes, not characters`() {
        #expect(texts(plan("caf\u{E9}", "cafe\u{301}")).count == 2)
        #expect(plan("cafe").covers(Array("cafe\u{301}".utf8)))
        #expect(!plan("cafe\u{301}").covers(Array("cafe".utf8)))
    }

    @Test func `covers another plan when it covers all of it`() {
        #expect(plan("a", "b").covers(plan("ax", "b")))
        #expect(!plan("a").covers(plan("a", "b")))
        #expect(plan().covers(plan()))
    }

    @Test(arguments: UInt64(1)...50)
    func `is minimal whatever is asked for`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        let wanted = (0..<Int.random(in: 0..<12, using: &random)).map { _ in
            (0..<Int.random(in: 1..<5, using: &random)).map { _ in UInt8.random(in: 0..<2, using: &random) }
        }
        let plan = TrackingPlan(wanted)
        for prefix in wanted { #expect(plan.covers(prefix)) }
        for (index, one) in plan.prefixes.enumerated() {
            #expect(wanted.contains(one))
            for (other, two) in plan.prefixes.enumerated() where other != index { #expect(!two.starts(with: one)) }
        }
    }
}
