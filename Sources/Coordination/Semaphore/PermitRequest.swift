import Logging
import Metrics
import RedisCore

/// One wish for permits of one semaphore: checked once, for as many attempts as it takes.
struct PermitRequest: LeaseRequest {
    let engine: CoordinationEngine
    let name: String
    let ttl: LeaseTime
    private let keys: SemaphoreKeys
    private let limit: Int
    private let permits: Int
    private let wakeSuffix: String
    private let renewal: Locks.Renewal
    /// The place in a fair semaphore's queue, the same for all attempts; nil for who does not wait in it.
    private let waiter: Token?
    private let isFair: Bool

    init(
        _ semaphores: Semaphores, _ name: String, limit: Int, permits: Int, ttl: Duration, waits: Bool
    ) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        guard (1...Semaphores.mostPermits).contains(limit), (1...limit).contains(permits) else {
            throw CoordinationError(
                .invalidArgument, operation: "acquire", key: name,
                message:
                    "\(permits) permits of \(limit) cannot be had: a semaphore has 1 to \(Semaphores.mostPermits), "
                    + "and a holder takes 1 to all of them")
        }
        engine = semaphores.engine
        engine.policyCheck.runOnce(engine.redis)
        self.name = name
        self.limit = limit
        self.permits = permits
        keys = try semaphores.keys.semaphore(name)
        wakeSuffix = semaphores.keys.wakeSuffix
        renewal = semaphores.renewal
        isFair = semaphores.isFair
        waiter = isFair && waits ? Token() : nil
    }

    var kind: LeaseKind { isFair ? .fairPermit : .permit }
    var key: String { keys.holders }
    var isShared: Bool { true }

    /// Those who wait for a fair semaphore are woken one by one.
    var wakeChannel: String {
        let channel = keys.holders + wakeSuffix
        return waiter.map { "\(channel):\($0.text)" } ?? channel
    }

    private var otherKeys: [RedisKey] {
        isFair ? [RedisKey(keys.info), RedisKey(keys.queue), RedisKey(keys.waiters)] : [RedisKey(keys.info)]
    }

    /// Asks once, with a token of its own: one round trip.
    func attempt(timeout: Duration?) async throws(RedisError) -> LeaseAttempt {
        let now = Moment.now
        let core = LeaseCore(
            engine, kind: kind, name: name, key: RedisKey(keys.holders), ttl: ttl, now: now,
            renews: renewal.isAutomatic, maxHold: renewal.maxHold, wakeSuffix: wakeSuffix, otherKeys: otherKeys)
        engine.renewals.register(core, now: now)
        var arguments: [any RedisArgument] = [
            core.token.text, ttl.milliseconds, limit, permits, LifeOfKeys.fence,
        ]
        if isFair {
            let patience = FairSemaphoreScripts.patience / .milliseconds(1)
            arguments += [waiter?.text ?? "", Int64(patience), wakeSuffix] as [any RedisArgument]
        }
        let reply: [Int64]
        do {
            reply = try await engine.redis.evaluate(
                isFair ? FairSemaphoreScripts.acquire : SemaphoreScripts.acquire, keys: core.keys,
                arguments: arguments, timeout: timeout, on: .control)
        } catch {
            core.abandoned(after: error)
            throw error
        }
        if reply.count == 2, reply[1] > 0 { limitChanged(from: reply[1]) }
        let attempt = core.answered(reply.first ?? -2)
        if case .tooLate = attempt { await core.giveBack() }
        return attempt
    }

    /// Two callers do not agree on how many permits there are; each is obeyed for itself.
    private func limitChanged(from other: Int64) {
        SemaphoreMetrics.limitChanged.increment()
        engine.logger.warning(
            "a semaphore is used with different limits; the last caller's counts until the next",
            metadata: ["semaphore": "\(name)", "limit": "\(limit)", "other": "\(other)"])
    }

    /// Gives up the place in the queue, whatever happened to the caller.
    func leaveQueue() async {
        guard let waiter else { return }
        let keys = [RedisKey(keys.holders)] + otherKeys
        _ = await Persistent(engine.redis).insist(until: .now + Lease.releaseBudget, repeated: false) {
            [engine, wakeSuffix] timeout throws(RedisError) in
            try await engine.redis.evaluate(
                FairSemaphoreScripts.leave, keys: keys, arguments: [waiter.text, wakeSuffix], as: Int.self,
                timeout: timeout, on: .control)
        }
    }
}

/// What semaphores count beside what all leases do.
enum SemaphoreMetrics {
    static let limitChanged = Counter(label: "semaphore.limit_changed")
}
