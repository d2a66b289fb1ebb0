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

@Suite struct FailureGateTests {
    @Test func `a failing limiter is logged once, then once an interval, and when it is over`() {
        var gate = FailureGate()
        #expect(gate.succeeded() == nil)
        #expect(gate.failed(0, pause: 10) == .failing(count: 1))
        #expect(gate.quietUntil == 10)
        #expect(gate.failed(1, pause: 0) == nil)
        #expect(gate.quietUntil == 10, "a refusal by the server does not end the silence of another call")
        #expect(gate.failed(FailureGate.logInterval, pause: 10) == .failing(count: 2))
        #expect(gate.failed(FailureGate.logInterval + 1, pause: 10) == nil)
        #expect(gate.succeeded() == .recovered(count: 1))
        #expect(gate.succeeded() == nil)
        #expect(gate.failed(FailureGate.logInterval + 2, pause: 10) == .failing(count: 1))
    }
}

@Suite struct LocalWindowsTests {
    @Test func `never more than the limit in any window, and right on time`() throws {
        var windows = LocalWindows(try RateLimit(10, per: .seconds(16)))
        var random = SplitMix(seed: 9)
        var now: Int64 = 1_000_000_000_000
        var admitted: [Int64] = []
        for _ in 0..<5_000 {
            now += .random(in: 0...2_000_000_000, using: &random)
            let cost = Int.random(in: 1...3, using: &random)
            var verdict = windows.check("a", cost: cost, atMost: false, now: now)
            if let wait = verdict.retryAfter {
                #expect(!windows.check("a", cost: cost, atMost: false, now: now + wait.nanoseconds - 1).isAllowed)
                now += wait.nanoseconds
                verdict = windows.check("a", cost: cost, atMost: false, now: now)
            }
            #expect(verdict.isAllowed)
            admitted += Array(repeating: now, count: cost)
        }
        for (index, time) in admitted.enumerated() {
            #expect(admitted[index...].prefix { $0 < time + 16_000_000_000 }.count <= 10)
        }
    }

    @Test func `keys are counted apart, and at most takes what is there`() throws {
        var windows = LocalWindows(try RateLimit(3, per: .seconds(60)))
        #expect(windows.check("a", cost: 2, atMost: false, now: 0).admitted == 2)
        #expect(windows.check("b", cost: 3, atMost: false, now: 0).admitted == 3)
        #expect(windows.check("a", cost: 2, atMost: true, now: 0).admitted == 1)
        #expect(windows.check("a", cost: 1, atMost: true, now: 0).retryAfter != nil)
        #expect(windows.check("a", cost: 4, atMost: false, now: 0).outcome == .neverAllowed)
        #expect(windows.check("c", cost: 1, atMost: false, now: 0).source == .failurePolicy)
    }

    @Test func `the number of keys is bounded`() throws {
        var windows = LocalWindows(try RateLimit(1, per: .seconds(60)))
        for key in 0..<LocalWindows.mostKeys + 500 { _ = windows.check("\(key)", cost: 1, atMost: false, now: 0) }
        let last = LocalWindows.mostKeys + 499
        #expect(!windows.check("\(last)", cost: 1, atMost: false, now: 0).isAllowed)
        #expect(windows.count <= LocalWindows.mostKeys)
    }
}
