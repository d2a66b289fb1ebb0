import Metrics
import RedisCore

/// One wish for one lock: its keys and times, checked once, for as many attempts as it takes.
struct LockRequest: LeaseRequest {
    let name: String
    let key: String
    let ttl: LeaseTime
    private let locks: Locks
    private let replicas: ReplicaDemand?

    init(_ locks: Locks, _ name: String, ttl: Duration) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        self.locks = locks
        self.name = name
        key = try locks.keys.lock(name)
        replicas = try ReplicaDemand(locks.replicas)
        engine.policyCheck.runOnce(engine.redis)
    }

    var engine: CoordinationEngine { locks.engine }
    var kind: LeaseKind { .lock }
    var wakeChannel: String { locks.keys.wakeChannel(key) }

    private func core(_ now: Moment) -> LeaseCore {
        LeaseCore(
            engine, kind: .lock, name: name, key: RedisKey(key), ttl: ttl, now: now, renews: locks.renewal.isAutomatic,
            maxHold: locks.renewal.maxHold, wakeSuffix: locks.keys.wakeSuffix)
    }

    /// Takes it whoever holds it; the arguments follow token and time to live.
    func takeOver(_ arguments: [any RedisArgument]) async throws(RedisError) -> LeaseAttempt {
        let now = Moment.now
        let core = core(now)
        return try await attempt(
            core, ForceScripts.takeOver, keys: core.keys + [RedisKey(locks.keys.fence(of: key))],
            arguments: [core.token.text, ttl.milliseconds] + arguments, sentAt: now, timeout: nil)
    }

    /// Asks once, with a token of its own: one round trip.
    @inline(__always)
    func attempt(timeout: Duration?) async throws -> LeaseAttempt {
        let now = Moment.now
        let core = core(now)
        if let replicas { return try await attempt(core, replicas, sentAt: now, timeout: timeout) }
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

    /// Asks on a connection of its own and waits there until enough replicas have the grant.
    ///
    /// WAIT counts what its own connection wrote, and blocks it: neither the commands' connection nor the control
    /// connection can be used.
    private func attempt(
        _ core: LeaseCore, _ replicas: ReplicaDemand, sentAt: Moment, timeout: Duration?
    ) async throws -> LeaseAttempt {
        engine.renewals.register(core, now: sentAt)
        var reply: Int64 = 0
        var confirmed = 0
        do {
            try await engine.redis.withExclusiveConnection { connection in
                do throws(RedisError) {
                    reply = try await connection.evaluate(
                        LockScripts.acquire, keys: core.keys + [RedisKey(locks.keys.fence(of: key))],
                        arguments: [core.token.text, ttl.milliseconds, LifeOfKeys.fence], timeout: timeout)
                } catch {
                    core.abandoned(after: error, elsewhere: true)
                    throw error
                }
                if reply > 0 { confirmed = try await replicas.confirmed(on: connection) }
            }
        } catch {
            // Whatever WAIT says, the grant stands; without a connection nothing was asked.
            if reply > 0 { core.abandoned() } else { core.refused() }
            throw error
        }
        let attempt = core.answered(reply)
        switch attempt {
        case .granted where confirmed < replicas.count:
            await core.giveBack()
            throw CoordinationError(
                .tooFewReplicas, operation: "acquire", key: key,
                message: "\(confirmed) of \(replicas.count) replicas confirmed the lock \(name) within "
                    + "\(replicas.time.duration); it was given back")
        case .granted, .held: return attempt
        case .tooLate:
            await core.giveBack()
            return attempt
        }
    }
}
