import Testing

@testable import Cache

@Suite struct ServerClockTests {
    @Test func `nothing is known before the first reply and a minute after the last`() {
        var clock = ServerClock()
        #expect(clock.time(0) == nil)
        clock.note(5_000_000, sent: 1_000, received: 3_000)
        #expect(clock.time(2_000) == 5_000_000)
        #expect(clock.time(3_000 + ServerClock.longestTrust) == nil)
        clock.forget(3_000)
        #expect(clock.time(2_000) == nil)
    }

    @Test func `what was asked for while the time was known is judged by it`() {
        var clock = ServerClock()
        #expect(clock.judging(0) == nil)
        clock.note(5_000_000, sent: 0, received: 0)
        let late = ServerClock.longestTrust + 1_000
        #expect(clock.time(late) == nil)
        #expect(clock.judging(late) == 5_000_000 + late)
        clock.forget(late)
        #expect(clock.judging(late) == 5_000_000 + late)
        clock.note(9_000_000, sent: late, received: late)
        #expect(clock.judging(late) == 9_000_000)
        clock.forget(late)
        clock.forget(late)
        #expect(clock.judging(late + 1) == 9_000_001)
        #expect(clock.judging(late + ServerClock.longestUse) == nil)
    }

    @Test func `a slow reply does not replace a quick one of a moment ago`() {
        var clock = ServerClock()
        clock.note(1_000_000, sent: 0, received: 100)
        clock.note(1_000_400, sent: 0, received: 1_000)
        #expect(clock.time(50) == 1_000_000)
    }

    @Test func `a jump of the server's clock is believed at once`() {
        var clock = ServerClock()
        clock.note(1_000_000, sent: 0, received: 100)
        clock.note(3_601_000_000, sent: 200, received: 2_200)
        #expect(clock.time(1_200) == 3_601_000_000)
    }

    @Test func `its error is at most half the round trip`() {
        for answered in stride(from: Int64(0), through: 10_000, by: 500) {
            var clock = ServerClock()
            clock.note(70_000 + answered, sent: 0, received: 10_000)
            let error = abs((clock.time(20_000) ?? 0) - 90_000)
            #expect(error <= 5_000)
        }
    }
}
