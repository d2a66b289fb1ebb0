import Metrics
import RedisCore

/// One wish for one lock: its keys and times, checked once, for as many attempts as it takes.
struct LockRequest: LeaseRequest {
    let name: String
    let key: String
    let ttl: LeaseTime
    private let locks: Locks

    init(_ locks: Locks, _ name: String, ttl: Duration) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        self.locks = locks
        self.name = name
        key = try locks.keys.lock(name)
        engine.policyCheck.runOnce(engine.redis)
    }

    var engine: CoordinationEngine { locks.engine }
    var kind: LeaseKind { .lock }
    var wakeChannel: String { locks.keys.wakeChannel(key) }

    /// Asks once, with a token of its own: one round trip.
    @inline(__always)
    func attempt(timeout: Duration?) async throws(RedisError) -> LeaseAttempt {
        let now = Moment.now
        let (renews, maxHold): (Bool, Duration?) =
            switch locks.renewal {
            case .automatic(let limit): (true, limit)
            case .off: (false, nil)
            }
        let core = LeaseCore(
            engine, kind: .lock, name: name, key: RedisKey(key), ttl: ttl, now: now, renews: renews, maxHold: maxHold,
            wakeSuffix: locks.keys.wakeSuffix)
        // Before the request is sent: a grant must not wait for its caller's task to be scheduled to be renewed.
        engine.renewals.register(core, now: now)
        let call = TokenScriptCall(
            LockScripts.shortAcquire, key: key, sibling: locks.keys.aroundFence, token: core.token.bits,
            numbers: (ttl.milliseconds, LifeOfKeys.fence))
        let redis = engine.redis
        let first = await withUnsafeContinuation { redis.start(call, timeout: timeout, $0) }
        let reply: Int64
        do {
            if case .success(let value) = first {
                reply = value
            } else {
                reply = try await redis.finish(call, first, timeout: timeout)
            }
        } catch {
            core.abandoned(after: error)
            throw error
        }
        let attempt = core.answered(reply)
        if case .tooLate = attempt { await core.giveBack() }
        return attempt
    }
}
