import RedisCore
import Testing

@testable import Cache

@Suite struct CircuitBreakerTests {
    private let start = Moment.now

    private func opened() -> CircuitBreaker {
        var breaker = CircuitBreaker()
        for _ in 1..<CircuitBreaker.threshold { #expect(breaker.failed(start) == nil) }
        #expect(breaker.failed(start) == .opened)
        return breaker
    }

    @Test func `a success in between starts the count anew`() {
        var breaker = CircuitBreaker()
        for _ in 1..<CircuitBreaker.threshold { _ = breaker.failed(start) }
        #expect(breaker.succeeded() == nil)
        #expect(breaker.failed(start) == nil)
        #expect(breaker.ask(start) == .proceed)
    }

    @Test func `an open circuit refuses until its pause is over, then lets one trial through`() {
        var breaker = opened()
        #expect(breaker.ask(start) == .refuse)
        let later = start + CircuitBreaker.firstPause
        #expect(breaker.ask(later) == .trial)
        #expect(breaker.ask(later) == .refuse)
        #expect(breaker.succeeded() == .closed)
        #expect(breaker.ask(later) == .proceed)
    }

    @Test func `each failed trial doubles the pause up to its limit`() {
        var breaker = opened()
        var now = start + CircuitBreaker.firstPause
        var pause = CircuitBreaker.firstPause
        for _ in 0..<6 {
            #expect(breaker.ask(now) == .trial)
            #expect(breaker.failed(now) == nil)
            pause = min(pause + pause, CircuitBreaker.longestPause)
            #expect(breaker.ask(now + pause - .milliseconds(1)) == .refuse)
            now += pause
        }
        #expect(pause == CircuitBreaker.longestPause)
    }

    @Test func `a trial that never comes back does not keep the circuit open`() {
        var breaker = opened()
        let later = start + CircuitBreaker.firstPause
        #expect(breaker.ask(later) == .trial)
        #expect(breaker.ask(later + CircuitBreaker.longestTrial) == .trial)
    }

    @Test func `calls that were under way when it opened do not lengthen the pause`() {
        var breaker = opened()
        #expect(breaker.failed(start + .milliseconds(499)) == nil)
        #expect(breaker.ask(start + CircuitBreaker.firstPause) == .trial)
    }
}
