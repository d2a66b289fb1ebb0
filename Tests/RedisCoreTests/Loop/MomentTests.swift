import Testing

@testable import RedisCore

@Suite struct MomentTests {
    @Test func `a moment is the same instant whenever it is asked, and later ones are later`() {
        let moment = Moment.now
        let instant = moment.instant
        for _ in 0..<100 { #expect(moment.instant == instant) }
        #expect((moment + .seconds(3)).instant == instant + .seconds(3))
        #expect(moment + .seconds(3) - moment == .seconds(3))
        #expect(Moment.now >= moment)
    }

    @Test func `a moment is read from the clock that users read`() {
        let before = ContinuousClock.now
        let instant = Moment.now.instant
        let after = ContinuousClock.now
        // The two notations were lined up by two readings, one after the other; a thread may be held up in between.
        #expect(before - .seconds(10) <= instant)
        #expect(instant <= after + .seconds(10))
    }
}
