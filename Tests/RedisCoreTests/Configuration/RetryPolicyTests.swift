import Testing

@testable import RedisCore

@Suite struct `The retry policy` {
    @Test func `pauses 100, 200 and 400 ms, then gives up`() {
        let policy = RetryPolicy()
        let pauses = (1...4).map { policy.delay(beforeRetry: $0) }
        #expect(pauses == [.milliseconds(100), .milliseconds(200), .milliseconds(400), nil])
    }

    @Test func `without retries never pauses`() {
        #expect(RetryPolicy(maxRetries: 0).delay(beforeRetry: 1) == nil)
    }

    @Test func `never pauses longer than a minute`() {
        let policy = RetryPolicy(maxRetries: 100, initialDelay: .seconds(60), multiplier: 100)
        #expect(policy.delay(beforeRetry: 100) == .seconds(60))
    }
}
