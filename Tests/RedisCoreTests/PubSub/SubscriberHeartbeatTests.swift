import Testing

@testable import RedisCore

@Suite struct SubscriberHeartbeatTests {
    private var heartbeat = SubscriberHeartbeat()

    private mutating func beat(at now: UInt64, isPaused: Bool = false) -> SubscriberHeartbeat.Beat {
        heartbeat.beat(at: now, period: 100, moment: Int64(now), isPaused: isPaused)
    }

    @Test mutating func `a nonce that comes back asks for nothing`() {
        #expect(beat(at: 100) == .publish)
        let nonce = heartbeat.next()
        heartbeat.accepted(nonce, at: 101)
        #expect(heartbeat.heard("\(nonce)", wantsProof: false) == .delivers)
        #expect(beat(at: 200) == .publish)
    }

    @Test mutating func `one that the server accepted a period ago and that did not come back is missed`() {
        #expect(beat(at: 100) == .publish)
        heartbeat.accepted(heartbeat.next(), at: 150)
        #expect(beat(at: 200) == .wait)
        #expect(beat(at: 250) == .isDeaf)
    }

    @Test mutating func `one that the server did not accept proves nothing`() {
        #expect(beat(at: 100) == .publish)
        _ = heartbeat.next()
        #expect(beat(at: 900) == .publish)
    }

    @Test mutating func `one may wait in the kernel while nobody reads`() {
        #expect(beat(at: 100) == .publish)
        heartbeat.accepted(heartbeat.next(), at: 100)
        #expect(beat(at: 900, isPaused: true) == .wait)
        #expect(beat(at: 1_000) == .isDeaf)
    }

    @Test mutating func `one that waited has a period from the moment reading goes on`() {
        #expect(beat(at: 100) == .publish)
        heartbeat.accepted(heartbeat.next(), at: 100)
        #expect(beat(at: 500, isPaused: true) == .wait)
        heartbeat.resumed(at: 550)
        #expect(beat(at: 600) == .wait)
        #expect(beat(at: 650) == .isDeaf)
    }

    @Test mutating func `it may come back before the server's answer to the publication`() {
        #expect(beat(at: 100) == .publish)
        let nonce = heartbeat.next()
        #expect(heartbeat.heard("\(nonce)", wantsProof: false) == .delivers)
        heartbeat.accepted(nonce, at: 101)
        #expect(beat(at: 900) == .publish)
    }

    @Test mutating func `a new connection does not have to bring what was published before it`() {
        #expect(beat(at: 100) == .publish)
        let nonce = heartbeat.next()
        heartbeat.connectionReady()
        heartbeat.accepted(nonce, at: 101)
        #expect(beat(at: 900) == .publish)
    }

    @Test mutating func `proof takes a second nonce, and is as of the asking for the first`() {
        #expect(beat(at: 100) == .publish)
        #expect(heartbeat.heard("\(heartbeat.next())", wantsProof: true) == .publishAgain)
        #expect(heartbeat.heard("\(heartbeat.next())", wantsProof: true) == .proved(asOf: 100))
        #expect(beat(at: 200) == .publish)
        #expect(heartbeat.heard("\(heartbeat.next())", wantsProof: true) == .publishAgain)
        #expect(heartbeat.heard("\(heartbeat.next())", wantsProof: true) == .proved(asOf: 200))
    }

    @Test(arguments: ["", "0", "1", "3", "02", "two", "18446744073709551617"])
    mutating func `what is not the latest nonce is nothing`(text: String) {
        #expect(beat(at: 100) == .publish)
        _ = heartbeat.next()
        let nonce = heartbeat.next()
        heartbeat.accepted(nonce, at: 100)
        #expect(nonce == 2 && heartbeat.heard(text, wantsProof: true) == .stale)
        #expect(beat(at: 200) == .isDeaf)
    }
}
