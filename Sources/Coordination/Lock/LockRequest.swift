import Metrics
import RedisCore

/// One wish for one lock: its keys and times, checked once, for as many attempts as it takes.
struct LockRequest: Sendable {
    enum Attempt: Sendable {
        case granted(Lease)
        /// Somebody else's; nil when the key never expires.
        case held(left: Duration?)
        /// Granted, but the reply took longer than the time to live; given back.
        case tooLate
    }

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

    var wakeChannel: String { key + wakeSuffix }

    /// Asks once, with a token of its own: one round trip.
    func attempt(timeout: Duration?) async throws(RedisError) -> Attempt {
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
        guard reply > 0 else {
            core.refused()
            engine.metrics.contended.increment()
            return .held(left: reply == -1 ? nil : .milliseconds(-reply - 2))
        }
        guard core.granted() else {
            await core.giveBack()
            return .tooLate
        }
        engine.metrics.acquired.increment()
        return .granted(Lease(core, fencingToken: reply))
    }

    func tooLate() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "acquire", key: key,
            message: "the lock \(name) was granted too late for its time to live of \(ttl.duration); it was given back")
    }
}
