import RedisCore
import Testing

@testable import Coordination

@Suite struct LeaseTrustTests {
    private let start = Moment.now
    private func at(_ seconds: Int) -> Moment { start + .seconds(seconds) }

    @Test func `trust begins with the first confirmation`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(10))
        #expect(trust.until == start)
        trust.confirmed(sentAt: start)
        #expect(trust.until == at(10))
    }

    @Test func `a request without an answer changes nothing`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(10))
        trust.settled()
        #expect(trust.until == start)
    }

    @Test func `of overlapping requests the shortest time counts`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(10))
        trust.sent(at(1), trusted: .seconds(60))
        trust.confirmed(sentAt: start)
        trust.confirmed(sentAt: at(1))
        #expect(trust.until == at(11))
    }

    @Test func `of equal requests the one sent last counts, in any order of answers`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(10))
        trust.sent(at(1), trusted: .seconds(10))
        trust.confirmed(sentAt: at(1))
        #expect(trust.until == at(11))
        trust.confirmed(sentAt: start)
        #expect(trust.until == at(11))
    }

    @Test func `a shorter time counts from the moment it is asked for`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(30))
        trust.confirmed(sentAt: start)
        trust.sent(start, trusted: .seconds(1), maySettleEarlier: true)
        #expect(trust.until == at(1))
        trust.settled()
        #expect(trust.until == at(1))
    }

    @Test func `requests of an earlier group are forgotten`() {
        var trust = LeaseTrust(nothingSince: start)
        trust.sent(start, trusted: .seconds(1))
        trust.confirmed(sentAt: start)
        trust.sent(start, trusted: .seconds(20))
        trust.confirmed(sentAt: start)
        #expect(trust.until == at(20))
    }
}
