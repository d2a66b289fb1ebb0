import Metrics
import RedisCore

/// One wish for one lock: its keys and times, checked once, for as many attempts as it takes.
struct LockRequest: LeaseRequest {
    let engine: CoordinationEngine
    let name: String
    let key: String
    let ttl: LeaseTime
    private let fenceKey: String
    private let wakeSuffix: String
    private let renews: Bool
    private let maxHold: Duration?

    init(_ locks: Locks, _ name: String, ttl: Duration) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        engine = locks.engine
        engine.policyCheck.runOnce(engine.redis)
        self.name = name
        (key, fenceKey) = try locks.keys.lock(name)
        wakeSuffix = locks.keys.wakeSuffix
        switch locks.renewal {
        case .automatic(let limit): (renews, maxHold) = (true, limit)
        case .off: (renews, maxHold) = (false, nil)
        }
    }

    var kind: LeaseKind { .lock }
    var wakeChannel: String { key + wakeSuffix }

    /// Asks once, with a token of its own: one round trip.
    func attempt(timeout: Duration?) async throws(RedisError) -> LeaseAttempt {
        let now = ContinuousClock.now
        let core = LeaseCore(
            engine, kind: .lock, name: name, key: RedisKey(key), ttl: ttl, now: now, renews: renews, maxHold: maxHold,
            wakeSuffix: wakeSuffix)
        // Before the request is sent: a grant must not wait for its caller's task to be scheduled to be renewed.
        engine.renewals.register(core, now: now)
        let reply: Int64
        do {
            reply = try await engine.redis.evaluate(
                LockScripts.shortAcquire, (key, fenceKey, core.token.text),
                numbers: (ttl.milliseconds, LifeOfKeys.fence), timeout: timeout, on: .control)
        } catch {
            core.abandoned(after: error)
            throw error
        }
        let attempt = core.answered(reply)
        if case .tooLate = attempt { await core.giveBack() }
        return attempt
    }
}
