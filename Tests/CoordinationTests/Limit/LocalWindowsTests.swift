import RedisCore
import Testing

@testable import Coordination

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
