import RedisCore

/// One wish for one fair lock, under one token from the first attempt to the grant: the token is the place in the
/// queue.
struct FairRequest: LeaseRequest {
    let engine: CoordinationEngine
    let name: String
    let ttl: LeaseTime
    let wakeChannel: String
    private let token = Token()
    private let keys: FairKeys
    private let wakeSuffix: String
    private let renewal: Locks.Renewal
    private let waits: Bool
    /// How long a waiter whose process died keeps its place.
    ///
    /// Each attempt renews it, and a waiter attempts at least every half of it.
    private let place: LeaseTime

    init(_ locks: FairLocks, _ name: String, ttl: Duration, waits: Bool) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        engine = locks.engine
        engine.policyCheck.runOnce(engine.redis)
        self.name = name
        keys = try locks.keys.fair(name)
        wakeChannel = locks.keys.turnChannel(keys.lock, token)
        wakeSuffix = locks.keys.wakeSuffix
        renewal = locks.renewal
        self.waits = waits
        place = locks.place
    }

    var kind: LeaseKind { .fair }
    var key: String { keys.lock }

    func attempt(timeout: Duration?) async throws -> LeaseAttempt {
        let now = Moment.now
        let answer = try await attempt(
            core(now), FairScripts.acquire,
            arguments: [
                token.text, ttl.milliseconds, LifeOfKeys.fence,
                waits ? place.milliseconds : 0, wakeSuffix,
            ], sentAt: now, timeout: timeout)
        guard case .held(let left) = answer else { return answer }
        return .held(left: min(left ?? place.duration / 2, place.duration / 2))
    }

    private func core(_ now: Moment) -> LeaseCore {
        LeaseCore(
            engine, kind: .fair, name: name, key: RedisKey(key), ttl: ttl, now: now, renews: renewal.isAutomatic,
            maxHold: renewal.maxHold, wakeSuffix: wakeSuffix, otherKeys: Array(keys.all.dropFirst()), token: token)
    }

    func gaveUp() {
        guard waits else { return }
        // In its own time: the caller may be cancelled, and its place lapses by itself when this fails.
        core(.now).releaseBehind(mayComeLater: false)
    }
}
