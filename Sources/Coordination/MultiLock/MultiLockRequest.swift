import Metrics
import RedisCore

/// One wish for several locks, all or none: their keys and times, checked once, for as many attempts as it takes.
struct MultiLockRequest: Sendable {
    /// How an attempt ended.
    enum Outcome: Sendable {
        case granted(Lease)
        /// The lock at the index is somebody else's; `left` is nil when its key never expires.
        case held(Int, left: Duration?)
        /// Granted, but too late; it was given back.
        case tooLate
    }

    /// More names than that in one lease are refused: the script looks at every one.
    static let mostNames = 100

    let engine: CoordinationEngine
    let name: String
    let ttl: LeaseTime
    /// The locks' keys, in the order of their names.
    let keys: [String]
    private let fences: [String]
    private let wakeSuffix: String
    private let renewal: Locks.Renewal

    init(_ locks: Locks, _ names: [String], ttl: Duration) throws(CoordinationError) {
        // By bytes, as in Redis: two texts that Swift takes for the same are two locks.
        let names = Set(names.map { ExactString($0) }).sorted().map(\.text)
        guard (1...Self.mostNames).contains(names.count) else {
            throw CoordinationError(
                .invalidArgument, operation: "acquire",
                message: "\(names.count) names were given; give 1 to \(Self.mostNames)")
        }
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        engine = locks.engine
        engine.policyCheck.runOnce(engine.redis)
        name = names.joined(separator: ", ")
        var keys: [String] = []
        var fences: [String] = []
        for name in names {
            let lock = try locks.keys.lock(name)
            let fence = locks.keys.fence(of: lock)
            keys.append(lock)
            fences.append(fence)
        }
        (self.keys, self.fences) = (keys, fences)
        wakeSuffix = locks.keys.wakeSuffix
        renewal = locks.renewal
    }

    func wakeChannel(_ index: Int) -> String { keys[index] + wakeSuffix }

    /// Asks once, with a token of its own: one round trip.
    func attempt(timeout: Duration?) async throws(RedisError) -> Outcome {
        let now = Moment.now
        let core = LeaseCore(
            engine, kind: .locks, name: name, key: RedisKey(keys[0]), ttl: ttl, now: now,
            renews: renewal.isAutomatic, maxHold: renewal.maxHold, wakeSuffix: wakeSuffix,
            otherKeys: keys.dropFirst().map { RedisKey($0) }, further: [wakeSuffix])
        // Before the request is sent: a grant must not wait for its caller's task to be scheduled to be renewed.
        engine.renewals.register(core, now: now)
        let reply: [Int64]
        do {
            reply = try await engine.redis.evaluate(
                MultiLockScripts.acquire, keys: core.keys + fences.map { RedisKey($0) },
                arguments: [core.token.text, ttl.milliseconds, LifeOfKeys.fence], timeout: timeout, on: .control)
        } catch {
            core.abandoned(after: error)
            throw error
        }
        switch core.answered(reply.first ?? -1) {
        case .granted(let lease): return .granted(lease)
        case .held(let left):
            let index = Int(reply.last ?? 1) - 1
            return .held(keys.indices.contains(index) ? index : 0, left: left)
        case .tooLate:
            await core.giveBack()
            return .tooLate
        }
    }

    // MARK: Errors

    func notAcquired(after wait: Duration, held index: Int?, _ underlying: (any Error)? = nil) -> CoordinationError {
        let key = keys[index ?? 0]
        return CoordinationError(
            .lockNotAcquired, operation: "acquire", key: key,
            message: "of the locks \(name), \(key) was still held after \(wait); try later or wait longer",
            underlying: underlying)
    }

    func tooLate() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "acquire", key: keys[0],
            message: "the locks \(name) were granted too late for their time to live of \(ttl.duration); "
                + "they were given back")
    }

    func unanswered(_ error: RedisError) -> any Error {
        CoordinationError.from(error, operation: "acquire", key: keys[0])
    }
}
