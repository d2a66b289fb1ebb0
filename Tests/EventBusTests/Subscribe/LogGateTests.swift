import Testing

@testable import EventBus

@Suite("Log gate")
struct LogGateTests {
    @Test func `one line per kind and interval passes, with the number held back`() {
        var gate = LogGate<String>(interval: .seconds(10))
        let start = ContinuousClock.now
        #expect(gate.pass("a", at: start) == 0)
        #expect(gate.pass("a", at: start + .seconds(1)) == nil)
        #expect(gate.pass("b", at: start + .seconds(1)) == 0)
        #expect(gate.pass("a", at: start + .milliseconds(9_999)) == nil)
        #expect(gate.pass("a", at: start + .seconds(10)) == 2)
        #expect(gate.pass("a", at: start + .seconds(11)) == nil)
        #expect(gate.pass("a", at: start + .seconds(100)) == 1)
    }

    @Test func `an interval of zero lets every line pass`() {
        var gate = LogGate<Int>(interval: .zero)
        let start = ContinuousClock.now
        #expect(gate.pass(1, at: start) == 0)
        #expect(gate.pass(1, at: start) == 0)
    }
}

@Suite("Names in the log")
struct LogTextTests {
    @Test func `names from the network are short and cannot break a line`() {
        #expect(LogText.short("order.placed") == "order.placed")
        #expect(LogText.short("a\nb\u{1B}[31m\u{85}") == "a\u{FFFD}b\u{FFFD}[31m\u{FFFD}")
        #expect(LogText.short(String(repeating: "é", count: 1_000)) == String(repeating: "é", count: 80) + "…")
    }
}
