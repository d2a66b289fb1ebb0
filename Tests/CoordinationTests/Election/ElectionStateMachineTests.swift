import RedisCore
import Testing

@testable import Coordination

@Suite struct ElectionStateMachineTests {
    private let start = Moment.now
    private let other = Leader(id: "other", term: 5, leaseLeft: .seconds(9))

    private func machine() -> ElectionStateMachine { ElectionStateMachine(retry: .seconds(2), now: start) }

    @Test func `a candidate asks at once, then once a period`() {
        var machine = machine()
        #expect(machine.next(start) == .campaign)
        #expect(machine.answered(.held(other), id: "me", start, spread: 1.5) == other)
        #expect(machine.next(start) == .wait(until: start + .seconds(3)))
        #expect(machine.next(start + .seconds(3)) == .campaign)
        #expect(machine.answered(.held(other), id: "me", start, spread: 1) == nil, "the same leader is no news")
    }

    @Test func `the end of the leader's lease comes before the period`() {
        var machine = machine()
        _ = machine.next(start)
        _ = machine.answered(.held(Leader(id: "o", term: 1, leaseLeft: .seconds(1))), id: "me", start, spread: 1)
        #expect(machine.next(start) == .wait(until: start + .seconds(1)))
    }

    @Test func `an announcement makes it ask at once, also one that came while it asked`() {
        var machine = machine()
        _ = machine.next(start)
        machine.woken(start)
        _ = machine.answered(.held(other), id: "me", start, spread: 1)
        #expect(machine.next(start + .milliseconds(1)) == .campaign)
        _ = machine.answered(.failed, id: "me", start, spread: 1)
        machine.woken(start + .milliseconds(5))
        #expect(machine.next(start + .milliseconds(5)) == .campaign)
    }

    @Test func `who is barred does not ask before the time, whatever is announced`() {
        var machine = machine()
        _ = machine.next(start)
        _ = machine.answered(.barred(.seconds(60)), id: "me", start, spread: 1)
        machine.woken(start + .seconds(1))
        #expect(machine.next(start + .seconds(2)) == .wait(until: start + .seconds(60)))
        #expect(machine.next(start + .seconds(60)) == .campaign)
    }

    @Test func `a leader leads until its term ends, then lets others ask first`() {
        var machine = machine()
        _ = machine.next(start)
        #expect(machine.answered(.won(term: 7), id: "me", start, spread: 1)?.id == "me")
        #expect(machine.next(start) == .lead(term: 7))
        machine.woken(start)
        machine.termEnded(.resigned, start + .seconds(1), spread: 1)
        #expect(machine.next(start + .seconds(1)) == .wait(until: start + .seconds(5)))
    }

    @Test func `told to stop, a leader ends its term first and anybody else ends at once`() {
        var machine = machine()
        _ = machine.next(start)
        _ = machine.answered(.won(term: 7), id: "me", start, spread: 1)
        machine.stop()
        #expect(machine.next(start) == .lead(term: 7))
        machine.termEnded(.lost, start, spread: 1)
        #expect(machine.next(start) == .finish)
    }

    @Test(arguments: [
        (15, 10, 2, true), (10, 10, 2, false), (15, 10, 9, false), (15, 2, 2, false), (15, 10, 0, false),
        // Over before the first renewal.
        (15, 5, 2, false), (15, 7, 2, true),
    ])
    func `times in the wrong relation are refused`(lease: Int, deadline: Int, retry: Int, fine: Bool) {
        let timing = ElectionTiming(
            lease: .seconds(lease), renewDeadline: .seconds(deadline), retry: .seconds(retry))
        #expect(((try? ElectionTimes(timing)) != nil) == fine)
    }

    @Test func `a leader steps down the renew deadline after the last confirmed renewal`() throws {
        let times = try ElectionTimes(ElectionTiming())
        #expect(times.stepDown(trustedUntil: start + times.lease.trusted) == start + .seconds(10))
    }
}
