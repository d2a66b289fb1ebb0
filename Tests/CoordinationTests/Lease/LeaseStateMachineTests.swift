import RedisCore
import Testing

@testable import Coordination

@Suite struct LeaseStateMachineTests {
    private let start = Moment.now
    private let trusted = Duration.milliseconds(2_968)

    private func machine(renews: Bool = true, maxHold: Duration? = nil) throws -> LeaseStateMachine {
        let ttl = try LeaseTime(.seconds(3), "ttl", operation: "test")
        return LeaseStateMachine(ttl: ttl, renews: renews, maxHold: maxHold, now: start)
    }

    private func held(renews: Bool = true, maxHold: Duration? = nil) throws -> LeaseStateMachine {
        var machine = try machine(renews: renews, maxHold: maxHold)
        _ = machine.acquireSent(start, spread: 1)
        #expect(machine.granted(start + .milliseconds(1)) == .hold)
        return machine
    }

    private func at(_ milliseconds: Int64) -> Moment { start + .milliseconds(milliseconds) }

    // MARK: Before its time

    @Test func `a renewal may come along within half of its period, and not after a failure`() throws {
        var machine = try held()
        #expect(machine.mayRenewEarly(at(499), insteadOf: at(999)) == false)
        #expect(machine.mayRenewEarly(at(500), insteadOf: at(999)) == true)
        _ = machine.due(at(500))
        #expect(machine.mayRenewEarly(at(500), insteadOf: at(999)) == false, "one is under way")
        _ = machine.renewalFailed(at(501))
        #expect(machine.mayRenewEarly(at(502), insteadOf: at(511)) == false, "it waits out its pause")
        let unrenewed = try held(renews: false)
        #expect(unrenewed.mayRenewEarly(at(900), insteadOf: at(999)) == false)
        var released = try held()
        _ = released.beginRelease(at(1))
        #expect(released.mayRenewEarly(at(900), insteadOf: at(999)) == false)
    }

    // MARK: Acquiring

    @Test func `trust counts from before sending, less one percent and two milliseconds`() throws {
        let machine = try held()
        #expect(machine.trustedUntil == start + trusted)
        #expect(machine.isTrusted(start + trusted - .nanoseconds(1)) == true)
        #expect(machine.isTrusted(start + trusted) == false)
    }

    @Test func `a grant that arrives after its trust is given back`() throws {
        var machine = try machine()
        _ = machine.acquireSent(start, spread: 1)
        #expect(machine.granted(at(2_970)) == .giveBack)
        #expect(machine.isTrusted(at(2_970)) == false)
        #expect(machine.beginRelease(at(2_970)) == .send(mayHaveBeenSent: false))
    }

    @Test func `a grant nobody has been scheduled for is renewed all the same`() throws {
        var machine = try machine()
        let first = machine.acquireSent(start, spread: 1)
        #expect(first == at(999))
        guard case .renew(_, let lookAgain) = machine.due(first) else { return #expect(Bool(false)) }
        #expect(lookAgain == at(1_998))
        _ = machine.renewalAnswered(.mine, sentAt: first, at(1_000), spread: 1)
        #expect(machine.granted(at(3_500)) == .hold)
        #expect(machine.trustedUntil > at(3_500))
    }

    @Test func `a renewal that overtook the acquisition is no loss`() throws {
        var machine = try machine()
        _ = machine.acquireSent(start, spread: 1)
        _ = machine.due(at(999))
        _ = machine.granted(at(1_000))
        #expect(machine.renewalAnswered(.absent, sentAt: at(999), at(1_001), spread: 1) == .next(at(1_001)))
        #expect(machine.loss == nil)
        _ = machine.due(at(1_001))
        #expect(machine.renewalAnswered(.absent, sentAt: at(1_001), at(1_002), spread: 1) == .lost(.expired))
    }

    @Test func `a withdrawn acquisition is forgotten`() throws {
        var machine = try machine()
        _ = machine.acquireSent(start, spread: 1)
        machine.withdrawn()
        #expect(machine.due(at(999)) == .forget)
    }

    // MARK: Renewing

    @Test func `a confirmed renewal moves the trust and the next look`() throws {
        var machine = try held()
        #expect(machine.due(at(999)) == .renew(machine.ttl, lookAgain: start + trusted))
        #expect(
            machine.renewalAnswered(.mine, sentAt: at(999), at(1_000), spread: 1) == .next(at(1_998)))
        #expect(machine.trustedUntil == at(999) + trusted)
    }

    @Test(arguments: [(LeaseStateMachine.Answer.absent, LeaseLoss.expired), (.other, .takenOver)])
    func `a definite no is a loss at once`(answer: LeaseStateMachine.Answer, loss: LeaseLoss) throws {
        var machine = try held()
        _ = machine.due(at(999))
        #expect(machine.renewalAnswered(answer, sentAt: at(999), at(1_000), spread: 1) == .lost(loss))
        #expect(machine.isTrusted(at(1_000)) == false)
        #expect(machine.due(at(1_001)) == .forget)
    }

    @Test func `a failed renewal is tried again while there is trust, and lost without asking afterwards`() throws {
        var machine = try held()
        var now = at(999)
        var attempts = 0
        while case .renew = machine.due(now) {
            attempts += 1
            guard case .next(let next) = machine.renewalFailed(now) else { return #expect(Bool(false)) }
            #expect(next > now)
            #expect(next <= machine.trustedUntil)
            now = next
        }
        #expect(now == machine.trustedUntil)
        #expect(attempts > 5)
        #expect(machine.loss == .unconfirmed)
    }

    @Test func `a renewal without an answer does not delay the deadline`() throws {
        var machine = try held()
        _ = machine.due(at(999))
        #expect(machine.due(start + trusted) == .lost(.unconfirmed))
        #expect(machine.renewalAnswered(.mine, sentAt: at(999), at(4_000), spread: 1) == .forget)
        #expect(machine.isTrusted(at(2_500)) == false)
    }

    @Test func `one renewal is under way at a time`() throws {
        var machine = try held()
        _ = machine.due(at(999))
        #expect(machine.due(at(1_000)) == .wait(start + trusted))
    }

    @Test func `without renewal the lease ends with its time`() throws {
        var machine = try held(renews: false)
        #expect(machine.due(at(999)) == .wait(start + trusted))
        #expect(machine.due(start + trusted) == .lost(.unconfirmed))
    }

    @Test func `a lease held too long is no longer renewed and ends`() throws {
        var machine = try held(maxHold: .milliseconds(900))
        #expect(machine.due(at(999)) == .wait(start + trusted))
        #expect(machine.due(start + trusted) == .lost(.maxHold))
    }

    @Test func `a look at the lease after its trust notices the loss once`() throws {
        var machine = try held()
        #expect(machine.noticed(at(2_000)) == nil)
        #expect(machine.noticed(at(60_000)) == .unconfirmed)
        #expect(machine.noticed(at(60_001)) == nil)
    }

    // MARK: Extending

    private func longer() throws -> LeaseTime { try LeaseTime(.seconds(30), "ttl", operation: "test") }
    private func shorter() throws -> LeaseTime { try LeaseTime(.seconds(1), "ttl", operation: "test") }

    @Test func `an extension sets the time for later renewals too`() throws {
        var machine = try held()
        let longer = try longer()
        #expect(machine.extendSent(longer, at(100)) == .send(lookAt: nil))
        let next = machine.extendAnswered(.mine, longer, sentAt: at(100), at(101), spread: 1)
        #expect(next == .next(at(10_090)))
        #expect(machine.trustedUntil == at(100) + longer.trusted)
        #expect(machine.due(at(10_090)) == .renew(longer, lookAgain: machine.trustedUntil))
    }

    @Test func `a shorter time is looked after in time and a failed change is mended at once`() throws {
        var machine = try held()
        let shorter = try shorter()
        #expect(machine.extendSent(shorter, at(100)) == .send(lookAt: at(100) + shorter.trusted))
        #expect(machine.extendFailed(at(200)) == .next(at(200)))
        #expect(machine.due(at(200)) == .renew(machine.ttl, lookAgain: at(100) + shorter.trusted))
        #expect(machine.renewalAnswered(.mine, sentAt: at(200), at(201), spread: 1) == .next(at(1_199)))
        #expect(machine.trustedUntil == at(200) + trusted)
    }

    /// Which of the two the server executed last decides its deadline, and nobody here knows.
    @Test(arguments: [true, false])
    func `an extension that overlaps with a renewal is renewed again at once`(extensionFirst: Bool) throws {
        var machine = try held()
        let longer = try longer()
        _ = machine.due(at(999))
        _ = machine.extendSent(longer, at(1_000))
        let last: LeaseStateMachine.RenewalAction
        if extensionFirst {
            _ = machine.extendAnswered(.mine, longer, sentAt: at(1_000), at(1_010), spread: 1)
            last = machine.renewalAnswered(.mine, sentAt: at(999), at(1_011), spread: 1)
        } else {
            _ = machine.renewalAnswered(.mine, sentAt: at(999), at(1_010), spread: 1)
            last = machine.extendAnswered(.mine, longer, sentAt: at(1_000), at(1_011), spread: 1)
        }
        #expect(last == .next(at(1_011)))
        #expect(machine.trustedUntil <= at(1_000) + trusted)
        #expect(machine.due(at(1_011)) == .renew(longer, lookAgain: machine.trustedUntil))
        _ = machine.renewalAnswered(.mine, sentAt: at(1_011), at(1_012), spread: 1)
        #expect(machine.trustedUntil == at(1_011) + longer.trusted)
    }

    @Test func `an expired lease cannot be extended`() throws {
        var machine = try held()
        let longer = try longer()
        _ = machine.extendSent(longer, at(100))
        #expect(machine.extendAnswered(.absent, longer, sentAt: at(100), at(101), spread: 1) == .lost(.expired))
        #expect(machine.extendSent(longer, at(200)) == .lost(.expired))
    }

    @Test func `a released lease cannot be extended`() throws {
        var machine = try held()
        _ = machine.beginRelease(at(1))
        #expect(machine.extendSent(machine.ttl, at(2)) == .notHeld)
    }

    // MARK: Releasing

    @Test func `no renewal is decided once the release began`() throws {
        var machine = try held()
        #expect(machine.beginRelease(at(1)) == .send(mayHaveBeenSent: false))
        #expect(machine.due(at(999)) == .forget)
        #expect(machine.isTrusted(at(2)) == false)
    }

    @Test func `a renewal in flight when the release begins says nothing any more`() throws {
        var machine = try held()
        _ = machine.due(at(999))
        _ = machine.beginRelease(at(1_000))
        #expect(machine.renewalAnswered(.absent, sentAt: at(999), at(1_001), spread: 1) == .forget)
        #expect(machine.loss == nil)
    }

    @Test(arguments: [
        (LeaseStateMachine.Answer.mine, false, ReleaseOutcome.released), (.absent, false, .expired),
        (.other, false, .notOwner), (.mine, true, .released), (.absent, true, .released), (.other, true, .released),
    ])
    func `an answer after a lost reply is that request's own work`(
        answer: LeaseStateMachine.Answer, repeated: Bool, outcome: ReleaseOutcome
    ) throws {
        var machine = try held()
        _ = machine.beginRelease(at(1))
        #expect(machine.releaseAnswered(answer, repeated: repeated) == outcome)
        #expect(machine.beginRelease(at(2)) == .finished(outcome))
    }

    @Test func `absent after a lost reply stays absent when the trust was over before`() throws {
        var machine = try held()
        _ = machine.beginRelease(at(5_000))
        #expect(machine.releaseAnswered(.absent, repeated: true) == .expired)
    }

    @Test func `a second caller joins the release under way`() throws {
        var machine = try held()
        _ = machine.beginRelease(at(1))
        #expect(machine.beginRelease(at(2)) == .join)
    }

    @Test func `a release without an answer can be tried again and remembers that`() throws {
        var machine = try held()
        _ = machine.beginRelease(at(1))
        machine.releaseFailed()
        #expect(machine.beginRelease(at(2)) == .send(mayHaveBeenSent: true))
    }

    @Test func `a lease known to be gone is released without asking`() throws {
        var machine = try held()
        _ = machine.due(at(999))
        _ = machine.renewalAnswered(.other, sentAt: at(999), at(1_000), spread: 1)
        #expect(machine.beginRelease(at(1_001)) == .finished(.notOwner))
    }

    @Test func `a lease that is only unconfirmed is still given back`() throws {
        var machine = try held()
        _ = machine.due(start + trusted)
        #expect(machine.beginRelease(at(3_000)) == .send(mayHaveBeenSent: false))
    }
}
