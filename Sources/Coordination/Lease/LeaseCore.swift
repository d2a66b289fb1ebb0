import Logging
import Metrics
import RedisCore
import Synchronization

/// One lease as the renewal loop and its holder share it: the state machine, its lock and its listeners.
///
/// The holder's handle is a ``Lease``; when that is dropped, the core is withdrawn and the key dies at its time to
/// live.
final class LeaseCore: Sendable {
    typealias Instant = Moment

    struct Inner: ~Copyable {
        var machine: LeaseStateMachine
        var handles = LeaseHandles()
        var listeners = LossListeners()
        var releaseJoiners: [CheckedContinuation<Result<ReleaseOutcome, CoordinationError>, Never>] = []
    }

    let engine: CoordinationEngine
    let kind: LeaseKind
    let name: String
    let key: RedisKey
    /// What the scripts get besides `key`, after it.
    let otherKeys: [RedisKey]
    let token: Token
    /// What the scripts of this kind need besides token and time to live, the same each time.
    private let further: [any RedisArgument]
    let wakeSuffix: String
    /// Who renews, releases and checks instead of the engine's client with the kind's scripts.
    let remote: (any LeaseRemote)?
    let inner: Mutex<Inner>
    /// Guarded by the renewal loop's mutex, which alone reads and writes it.
    nonisolated(unsafe) var renewalID: RenewalSchedule<LeaseCore>.ID?

    init(
        _ engine: CoordinationEngine, kind: LeaseKind, name: String, key: RedisKey, ttl: LeaseTime, now: Instant,
        renews: Bool, maxHold: Duration?, wakeSuffix: String, otherKeys: [RedisKey] = [],
        further: [any RedisArgument] = [], token: Token = Token(), remote: (any LeaseRemote)? = nil
    ) {
        self.engine = engine
        self.kind = kind
        self.name = name
        self.key = key
        self.token = token
        self.remote = remote
        self.otherKeys = otherKeys
        self.further = further
        self.wakeSuffix = wakeSuffix
        inner = Mutex(Inner(machine: LeaseStateMachine(ttl: ttl, renews: renews, maxHold: maxHold, now: now)))
    }

    // MARK: Acquiring

    func acquireSent(_ now: Instant, spread: Double) -> Instant {
        inner.withLock { $0.machine.acquireSent(now, spread: spread) }
    }

    /// True when the lease can be used; false when the reply came too late, so that it is to be given back.
    func granted() -> Bool {
        let now = Moment.now
        return inner.withLock { $0.machine.granted(now) } == .hold
    }

    /// Gives back what was granted too late; a failure leaves it to its time to live.
    func giveBack() async { _ = try? await release() }

    /// Refused: nothing was granted.
    func refused() {
        inner.withLock { $0.machine.withdrawn() }
        engine.renewals.remove(self)
    }

    /// Nobody knows whether it was granted: it is given back behind the caller's back, on the connection that carried
    /// the request, so that the release cannot overtake it.
    ///
    /// A request that went over another connection than releases do (`elsewhere`) may be executed after them.
    func abandoned(after error: RedisError, elsewhere: Bool = false) {
        refused()
        switch error.code {
        // Of several attempts of one request, an earlier one may have been executed.
        case .connectionLost, .timedOut, .cancelled, .protocolViolation: break
        default: if !error.wasWritten { return }
        }
        releaseBehind(mayComeLater: elsewhere)
    }

    /// Granted, but of no use to the caller, who does not wait for the release.
    func abandoned() {
        refused()
        releaseBehind(mayComeLater: false)
    }

    /// The holder let go of its handle without releasing: renewing for nobody would hold the lock for ever.
    func dropped() {
        let listeners = inner.withLock { inner -> LossListeners? in
            guard inner.machine.isHeld else { return nil }
            inner.machine.withdrawn()
            return inner.listeners.takeAll()
        }
        guard let listeners else { return }
        engine.renewals.remove(self)
        // From here on nobody can say whether it is lost.
        listeners.notify(nil)
        engine.logger.warning(
            "a lease was dropped without being released; it ends with its time to live",
            metadata: ["\(kind.noun)": "\(name)"])
    }

    // MARK: Trust

    var trustedUntil: Instant { inner.withLock { $0.machine.trustedUntil } }
    var loss: LeaseLoss? { inner.withLock { $0.machine.loss } }
    /// True once it was released or its result was recorded.
    var isReleased: Bool { inner.withLock { $0.machine.outcome != nil } }

    func isTrusted(_ now: Instant = .now) -> Bool {
        let (trusted, noticed) = inner.withLock { ($0.machine.isTrusted(now), $0.machine.noticed(now)) }
        if let noticed { lost(noticed) }
        return trusted
    }

    // MARK: Renewing, called by the renewal loop

    func due(_ now: Instant) -> LeaseStateMachine.DueAction { inner.withLock { $0.machine.due(now) } }

    func renewalAnswered(
        _ answer: LeaseStateMachine.Answer?, sentAt: Instant, spread: Double
    ) -> LeaseStateMachine.RenewalAction {
        let now = Moment.now
        return inner.withLock { inner in
            guard let answer else { return inner.machine.renewalFailed(now) }
            return inner.machine.renewalAnswered(answer, sentAt: sentAt, now, spread: spread)
        }
    }

    func mayRenewEarly(_ now: Instant, insteadOf at: Instant) -> Bool {
        inner.withLock { $0.machine.mayRenewEarly(now, insteadOf: at) }
    }
    var earlyWindow: Duration { inner.withLock { $0.machine.ttl.earlyWindow } }

    /// What every script of the lease gets as its keys.
    var keys: [RedisKey] { [key] + otherKeys }

    func renewalArguments(_ ttl: LeaseTime) -> [any RedisArgument] { [token.text, ttl.milliseconds] + further }

    /// Tells everybody who wants to know.
    ///
    /// Listeners run on the caller's thread, which may be the loop's: the ones added by this module only cancel tasks
    /// and resume continuations.
    func lost(_ reason: LeaseLoss) {
        engine.renewals.remove(self)
        engine.metrics.lost.increment()
        engine.logger.warning(
            "a lease was lost", metadata: ["\(kind.noun)": "\(name)", "reason": "\(reason.rawValue)"])
        inner.withLock { $0.listeners.takeAll() }.notify(reason)
    }

    // MARK: Listening

    /// Calls back once when the lease is lost; at once when it has been.
    ///
    /// The id takes the listener away again.
    func listen(_ listener: @escaping @Sendable (LeaseLoss?) -> Void) -> LossListeners.ID? {
        let (id, known) = inner.withLock { inner -> (LossListeners.ID?, LeaseLoss??) in
            if let loss = inner.machine.loss { return (nil, loss) }
            if inner.machine.isOver { return (nil, .some(nil)) }
            return (inner.listeners.add(listener), nil)
        }
        if let known { listener(known) }
        return id
    }

    /// Takes a listener away, unless it has been called.
    func unlisten(_ id: LossListeners.ID) { inner.withLock { $0.listeners.remove(id) } }

    // MARK: Extending and checking

    func extend(to ttl: LeaseTime) async throws {
        let sentAt = Moment.now
        try begin("extend", ttl, sentAt)
        try await settleExtension(to: ttl, sentAt: sentAt, operation: "extend") { () async throws(RedisError) in
            try await requestRenewal(ttl)
        }
    }

    private func begin(_ operation: String, _ ttl: LeaseTime, _ sentAt: Instant) throws(CoordinationError) {
        switch inner.withLock({ $0.machine.extendSent(ttl, sentAt) }) {
        case .send(let lookAt): if let lookAt { engine.renewals.reschedule(self, at: lookAt) }
        case .notHeld: throw notHeld(operation)
        case .lost(let reason): throw lostError(operation, reason)
        }
    }

    /// Sends what sets the time to live, and draws the conclusions.
    private func settleExtension(
        to ttl: LeaseTime, sentAt: Instant, operation: String,
        _ request: () async throws(RedisError) -> Int64
    ) async throws {
        let reply: Int64
        do {
            reply = try await request()
        } catch  where error.code == .wrongType {
            reply = -1
        } catch {
            let now = Moment.now
            if case .next(let at) = inner.withLock({ $0.machine.extendFailed(now) }) {
                engine.renewals.reschedule(self, at: at)
            }
            throw CoordinationError.from(error, operation: operation, key: key.name)
        }
        let spread = engine.renewals.spread()
        let now = Moment.now
        let action = inner.withLock {
            $0.machine.extendAnswered(.init(reply), ttl, sentAt: sentAt, now, spread: spread)
        }
        switch action {
        case .next(let at): engine.renewals.reschedule(self, at: at)
        case .lost(let reason):
            lost(reason)
            throw lostError(operation, reason)
        case .forget:
            if let loss { throw lostError(operation, loss) }
            throw notHeld(operation)
        }
    }

    func isHeld() async throws -> Bool {
        guard inner.withLock({ $0.machine.isHeld && $0.machine.loss == nil }) else { return false }
        let reply: Int64
        do {
            reply = try await requestCheck()
        } catch  where error.code == .wrongType {
            reply = -1
        } catch {
            throw CoordinationError.from(error, operation: "isHeld", key: key.name)
        }
        let answer = LeaseStateMachine.Answer(reply)
        if let reason = inner.withLock({ $0.machine.refuted(answer) }) { lost(reason) }
        return answer == .mine
    }

    /// Changes what the lease is on the server, and sets its time to live as a renewal would.
    ///
    /// The script gets token, time to live and wake suffix.
    func change(_ script: RedisScript, operation: String) async throws {
        let sentAt = Moment.now
        let ttl = inner.withLock { $0.machine.ttl }
        try begin(operation, ttl, sentAt)
        try await settleExtension(to: ttl, sentAt: sentAt, operation: operation) { () async throws(RedisError) in
            try await engine.redis.evaluate(
                script, keys: keys, arguments: [token.text, ttl.milliseconds, wakeSuffix], on: .control)
        }
    }

    private func requestRenewal(_ ttl: LeaseTime) async throws(RedisError) -> Int64 {
        if let remote { return try await remote.renew(ttl, timeout: nil) }
        return try await engine.redis.evaluate(
            kind.renew, keys: keys, arguments: renewalArguments(ttl), on: .control)
    }

    private func requestCheck() async throws(RedisError) -> Int64 {
        if let remote { return try await remote.check() }
        return try await engine.redis.evaluate(
            kind.check, keys: keys, arguments: [token.text] + further, on: .control)
    }
}
