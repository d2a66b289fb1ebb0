import Testing

@testable import Coordination

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
