import RedisCore

/// The life of one lease as decisions without clock, lock or network.
///
/// acquiring → held → releasing → released, with `loss` set at most once on the way. The renewal entry exists before
/// the acquisition is sent, so a grant whose caller has not been scheduled yet is renewed all the same; it is withdrawn
/// synchronously when the release begins, so no renewal is decided after that.
struct LeaseStateMachine: ~Copyable {
    typealias Instant = Moment

    /// What the server said about a token.
    enum Answer: Sendable {
        case mine
        case absent
        case other
    }

    private enum State {
        case acquiring
        case held
        case releasing
        /// A release got no answer; another may be tried and must know that "absent" may be the first one's work.
        case releaseUnknown
        case released(ReleaseOutcome)
        case withdrawn
    }

    private var state = State.acquiring
    private(set) var loss: LeaseLoss?
    private(set) var ttl: LeaseTime
    private let renews: Bool
    private let maxHold: Duration?
    private var holdLimit: Instant?
    private var trust: LeaseTrust
    private var acquisitionSentAt: Instant
    private var renewing = false
    /// The renewal in flight was sent before the grant was known, so "absent" may only mean that it overtook it.
    private var renewalPredatesGrant = false
    private var failures = 0
    private var trustedAtRelease = false

    init(ttl: LeaseTime, renews: Bool, maxHold: Duration? = nil, now: Instant) {
        self.ttl = ttl
        self.renews = renews
        self.maxHold = maxHold
        trust = LeaseTrust(nothingSince: now)
        acquisitionSentAt = now
    }

    var trustedUntil: Instant { trust.until }

    /// Held, and nothing says or hints otherwise.
    func isTrusted(_ now: Instant) -> Bool {
        guard case .held = state, loss == nil else { return false }
        return now < trust.until
    }

    /// Granted and not being released, lost or not.
    var isHeld: Bool { if case .held = state { true } else { false } }
    var isReleasing: Bool { if case .releasing = state { true } else { false } }
    /// Nothing will happen to it any more.
    var isOver: Bool {
        switch state {
        case .released, .withdrawn, .releaseUnknown: true
        case .acquiring, .held, .releasing: false
        }
    }
    var outcome: ReleaseOutcome? { if case .released(let outcome) = state { outcome } else { nil } }

    // MARK: Acquiring

    /// The acquisition is about to be sent; answers when to look after the lease first.
    mutating func acquireSent(_ now: Instant, spread: Double) -> Instant {
        acquisitionSentAt = now
        trust.sent(now, trusted: ttl.trusted)
        return now + ttl.refreshPeriod(spread: spread)
    }

    enum GrantAction: Equatable {
        case hold
        /// The reply took longer than the lease is good for: give it back, it protects nothing.
        case giveBack
    }

    mutating func granted(_ now: Instant) -> GrantAction {
        guard case .acquiring = state else { preconditionFailure("a lease is granted once, while it is acquired") }
        trust.confirmed(sentAt: acquisitionSentAt)
        state = .held
        holdLimit = maxHold.map { now + $0 }
        if now < trust.until { return .hold }
        loss = .unconfirmed
        return .giveBack
    }

    /// Somebody else holds it, or nobody knows whether it was granted: no renewal from here on.
    mutating func withdrawn() { state = .withdrawn }

    // MARK: Renewing

    enum DueAction: Equatable {
        /// Send a renewal and look again at the instant given.
        case renew(LeaseTime, lookAgain: Instant)
        case wait(Instant)
        case lost(LeaseLoss)
        case forget
    }

    mutating func due(_ now: Instant) -> DueAction {
        switch state {
        case .acquiring:
            let next = now + ttl.refreshPeriod
            return renews && !renewing ? startRenewal(now, lookAgain: next) : .wait(next)
        case .held:
            guard loss == nil else { return .forget }
            let overstayed = holdLimit.map { now >= $0 } ?? false
            if now >= trust.until { return lose(overstayed ? .maxHold : .unconfirmed) }
            return renews && !renewing && !overstayed
                ? startRenewal(now, lookAgain: trust.until) : .wait(trust.until)
        case .releasing, .releaseUnknown, .released, .withdrawn:
            return .forget
        }
    }

    /// Whether a renewal may leave before its time, to share a request with others.
    ///
    /// Not after a failure: that one waits out its pause.
    func mayRenewEarly(_ now: Instant, insteadOf at: Instant) -> Bool {
        guard case .held = state, loss == nil, renews, !renewing, failures == 0 else { return false }
        if let holdLimit, now >= holdLimit { return false }
        return at - now <= ttl.earlyWindow
    }

    private mutating func startRenewal(_ now: Instant, lookAgain: Instant) -> DueAction {
        renewing = true
        if case .acquiring = state { renewalPredatesGrant = true } else { renewalPredatesGrant = false }
        trust.sent(now, trusted: ttl.trusted)
        return .renew(ttl, lookAgain: lookAgain)
    }

    enum RenewalAction: Equatable {
        case next(Instant)
        case lost(LeaseLoss)
        case forget
    }

    mutating func renewalAnswered(_ answer: Answer, sentAt: Instant, _ now: Instant, spread: Double) -> RenewalAction {
        renewing = false
        failures = 0
        if answer == .mine { trust.confirmed(sentAt: sentAt) } else { trust.settled() }
        switch state {
        case .acquiring:
            // "Absent" only means that the acquisition has not been executed yet, or was refused.
            return .next(sentAt + ttl.refreshPeriod(spread: spread))
        case .held:
            guard loss == nil else { return .forget }
            if answer != .mine { return renewalPredatesGrant ? .next(now) : .lost(lossOf(answer)) }
            return .next(nextLook(after: sentAt, now, spread: spread))
        case .releasing, .releaseUnknown, .released, .withdrawn:
            return .forget
        }
    }

    /// A third of the time to live after the request; at once when an overlapping request may have shortened the time
    /// on the server.
    private func nextLook(after sentAt: Instant, _ now: Instant, spread: Double) -> Instant {
        let regular = min(sentAt + ttl.refreshPeriod(spread: spread), trust.until)
        guard trust.until < sentAt + ttl.trusted else { return regular }
        // While the other request is still under way, asking at once would only be asked again.
        return trust.inFlight == 0 ? now : min(regular, now + (trust.until - now) / 2)
    }

    /// No answer, or one that says nothing about the lease: try again soon, as long as there is trust left.
    mutating func renewalFailed(_ now: Instant) -> RenewalAction {
        renewing = false
        trust.settled()
        switch state {
        case .acquiring, .held:
            guard loss == nil else { return .forget }
            let pause = min(.milliseconds(10) * (1 << min(failures, 10)), ttl.refreshPeriod)
            failures += 1
            guard case .held = state else { return .next(now + pause) }
            return .next(min(now + pause, trust.until))
        case .releasing, .releaseUnknown, .released, .withdrawn:
            return .forget
        }
    }

    /// Somebody looked at the lease after its trust had ended and before the loop did.
    mutating func noticed(_ now: Instant) -> LeaseLoss? {
        guard case .held = state, loss == nil, now >= trust.until else { return nil }
        loss = .unconfirmed
        return loss
    }

    /// A check asked the server outright and learnt that the lease is gone.
    mutating func refuted(_ answer: Answer) -> LeaseLoss? {
        guard case .held = state, loss == nil, answer != .mine else { return nil }
        return lossOf(answer)
    }

    private mutating func lose(_ reason: LeaseLoss) -> DueAction {
        loss = reason
        return .lost(reason)
    }

    private mutating func lossOf(_ answer: Answer) -> LeaseLoss {
        let reason: LeaseLoss = answer == .other ? .takenOver : .expired
        loss = reason
        return reason
    }

    // MARK: Extending

    enum ExtendAction: Equatable {
        /// Send it; when that shortens the trust, the lease is to be looked after by then.
        case send(lookAt: Instant?)
        case notHeld
        case lost(LeaseLoss)
    }

    mutating func extendSent(_ new: LeaseTime, _ now: Instant) -> ExtendAction {
        guard case .held = state else { return .notHeld }
        if let loss { return .lost(loss) }
        let before = trust.until
        trust.sent(now, trusted: new.trusted, maySettleEarlier: true)
        return .send(lookAt: trust.until < before ? trust.until : nil)
    }

    mutating func extendAnswered(
        _ answer: Answer, _ new: LeaseTime, sentAt: Instant, _ now: Instant, spread: Double
    ) -> RenewalAction {
        if answer == .mine { trust.confirmed(sentAt: sentAt) } else { trust.settled() }
        guard case .held = state, loss == nil else { return .forget }
        guard answer == .mine else { return .lost(lossOf(answer)) }
        ttl = new
        return .next(nextLook(after: sentAt, now, spread: spread))
    }

    /// Nobody knows which of the two times the server counts: renew at once.
    mutating func extendFailed(_ now: Instant) -> RenewalAction {
        trust.settled()
        guard case .held = state, loss == nil else { return .forget }
        return .next(now)
    }

    // MARK: Releasing

    enum ReleaseAction: Equatable {
        case send(mayHaveBeenSent: Bool)
        /// Another caller is at it.
        case join
        case finished(ReleaseOutcome)
    }

    mutating func beginRelease(_ now: Instant) -> ReleaseAction {
        switch state {
        case .acquiring: preconditionFailure("only a lease that was granted can be released")
        case .withdrawn:
            state = .releasing
            return .send(mayHaveBeenSent: false)
        case .held:
            switch loss {
            case .expired: return finish(.expired)
            case .takenOver: return finish(.notOwner)
            case .unconfirmed, .maxHold, nil: break
            }
            trustedAtRelease = loss == nil && now < trust.until
            state = .releasing
            return .send(mayHaveBeenSent: false)
        case .releasing: return .join
        case .releaseUnknown:
            state = .releasing
            return .send(mayHaveBeenSent: true)
        case .released(let outcome): return .finished(outcome)
        }
    }

    private mutating func finish(_ outcome: ReleaseOutcome) -> ReleaseAction {
        state = .released(outcome)
        return .finished(outcome)
    }

    /// Reads the server's answer.
    ///
    /// "Absent" or "another" after a request whose reply was lost, begun while the lease was trusted, is that request's
    /// own work: nothing else could have ended the lease in between.
    mutating func releaseAnswered(_ answer: Answer, repeated: Bool) -> ReleaseOutcome {
        let outcome: ReleaseOutcome =
            switch answer {
            case .mine: .released
            case .absent: repeated && trustedAtRelease ? .released : .expired
            case .other: repeated && trustedAtRelease ? .released : .notOwner
            }
        state = .released(outcome)
        return outcome
    }

    mutating func releaseFailed() { state = .releaseUnknown }

    /// The result of the work was recorded, which ended the lease in the same step.
    mutating func finished() { state = .released(.released) }
}
