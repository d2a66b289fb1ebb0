import Testing

@testable import RedisCore

@Suite struct `The pause between connection attempts` {
    @Test func `is bounded by 50 ms, doubling up to 2 s`() {
        let policy = ReconnectPolicy()
        let bounds = (1...8).map { policy.bound(afterFailures: $0) }
        #expect(bounds == [50, 100, 200, 400, 800, 1_600, 2_000, 2_000].map { .milliseconds($0) })
        #expect(policy.bound(afterFailures: .max) == .seconds(2))
        #expect(policy.bound(afterFailures: 0) == .milliseconds(50))
    }

    @Test func `reaches the longest pause from the shortest first one`() {
        let policy = ReconnectPolicy(initialDelay: .milliseconds(1), maxDelay: .seconds(3_600))
        #expect(policy.bound(afterFailures: .max) == .seconds(3_600))
    }

    @Test func `is drawn evenly between nothing and its bound`() {
        let policy = ReconnectPolicy()
        var generator = SplitMix(seed: 7)
        let pauses = (0..<10_000).map { _ in policy.delay(afterFailures: 3, using: &generator) }
        #expect(pauses.allSatisfy { (.zero ... .milliseconds(200)).contains($0) })
        for tenth in 0..<10 {
            let lower = Duration.milliseconds(20 * tenth)
            let count = pauses.count { $0 >= lower && $0 < lower + .milliseconds(20) }
            #expect((900...1_100).contains(count))
        }
    }
}
