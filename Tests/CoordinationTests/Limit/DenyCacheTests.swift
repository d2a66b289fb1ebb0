import Testing

@testable import Coordination

@Suite struct DenyCacheTests {
    private func denial(_ until: Int64, cost: Int = 1) -> DenyCache.Denial {
        .init(until: until, cost: cost, rule: 0, remaining: 0, resetAt: until)
    }

    @Test func `a refusal holds until its time is over`() {
        let cache = DenyCache()
        #expect(cache.denial(of: "a", cost: 1, now: 0) == nil)
        cache.insert(denial(100), of: "a", epoch: cache.epoch, now: 0)
        #expect(cache.denial(of: "a", cost: 1, now: 99) == denial(100))
        #expect(cache.denial(of: "a", cost: 1, now: 100) == nil)
        #expect(cache.denial(of: "b", cost: 1, now: 0) == nil)
    }

    @Test func `less than what was refused is asked for`() {
        let cache = DenyCache()
        cache.insert(denial(100, cost: 5), of: "a", epoch: cache.epoch, now: 0)
        #expect(cache.denial(of: "a", cost: 4, now: 0) == nil)
        #expect(cache.denial(of: "a", cost: 6, now: 0) != nil)
    }

    @Test func `of two refusals the one that answers more is kept`() {
        let cache = DenyCache()
        cache.insert(denial(50, cost: 1), of: "a", epoch: cache.epoch, now: 0)
        cache.insert(denial(100, cost: 5), of: "a", epoch: cache.epoch, now: 0)
        #expect(cache.denial(of: "a", cost: 1, now: 10) == denial(50))
        cache.insert(denial(100, cost: 5), of: "a", epoch: cache.epoch, now: 60)
        #expect(cache.denial(of: "a", cost: 5, now: 70) == denial(100, cost: 5))
    }

    @Test func `a reset forgets, also what was asked before it`() {
        let cache = DenyCache()
        let epoch = cache.epoch
        cache.insert(denial(100), of: "a", epoch: epoch, now: 0)
        cache.remove("a")
        #expect(cache.denial(of: "a", cost: 1, now: 0) == nil)
        cache.insert(denial(100), of: "a", epoch: epoch, now: 0)
        #expect(cache.denial(of: "a", cost: 1, now: 0) == nil, "it was on its way when the reset came")
    }

    @Test func `keys are compared by their bytes`() {
        let cache = DenyCache()
        cache.insert(denial(100), of: "e\u{301}", epoch: cache.epoch, now: 0)
        #expect(cache.denial(of: "\u{E9}", cost: 1, now: 0) == nil)
        #expect(cache.denial(of: "e\u{301}", cost: 1, now: 0) != nil)
    }

    @Test func `it is bounded, and what ends last stays longest`() {
        let cache = DenyCache()
        cache.insert(denial(1_000_000_000), of: "longest", epoch: cache.epoch, now: 0)
        for index in 0..<50_000 {
            cache.insert(denial(Int64(index) + 1_000), of: "key \(index)", epoch: cache.epoch, now: 0)
        }
        let kept = (0..<50_000).count { cache.denial(of: "key \($0)", cost: 1, now: 0) != nil }
        #expect((4_000...8_192).contains(kept), "\(kept)")
        #expect(cache.denial(of: "longest", cost: 1, now: 0) != nil)
    }
}
