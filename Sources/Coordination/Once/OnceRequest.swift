import FoundationEssentials
import Metrics
import RedisCore

/// One wish to run one task: its key and times, checked once, for as many claims as it takes.
struct OnceRequest: Sendable {
    enum Claim: Sendable {
        case first(Lease, takenOver: Bool)
        case inProgress(owner: String, left: Duration, fence: Int64)
        /// The stored JSON; nil when the result was not storable.
        case done([UInt8]?)
        case failed(owner: String, error: String)
        /// Claimed for something else, by its fingerprint.
        case mismatch
    }

    let engine: CoordinationEngine
    let id: String
    let key: String
    let lease: LeaseTime
    /// How long the record outlives a lease that lapsed.
    let retention: LeaseTime
    let ending: OnceEnding
    let longestResult: Int
    let wakeSuffix: String
    let owner: String
    /// What the task is claimed for; empty when that is not compared.
    private let fingerprint: String

    init(
        _ tasks: TaskCoordinator, _ id: String, lease: Duration, ending: OnceEnding, key: String? = nil,
        fingerprint: String = ""
    ) throws(CoordinationError) {
        self.lease = try LeaseTime(lease, "the lease", operation: "once")
        self.ending = ending
        retention = ending.retention
        engine = tasks.engine
        engine.policyCheck.runOnce(engine.redis)
        self.id = id
        if let key { self.key = key } else { self.key = try tasks.keys.once(id) }
        self.fingerprint = fingerprint
        longestResult = tasks.longestResult
        wakeSuffix = tasks.keys.wakeSuffix
        owner = tasks.owner
    }

    var wakeChannel: String { key + wakeSuffix }

    /// A lease about to be asked for, with a token of its own; it is renewed from here on.
    func register() -> LeaseCore {
        let now = Moment.now
        let core = LeaseCore(
            engine, kind: .task, name: id, key: RedisKey(key), ttl: lease, now: now, renews: true, maxHold: nil,
            wakeSuffix: wakeSuffix, further: [retention.milliseconds])
        engine.renewals.register(core, now: now)
        return core
    }

    /// Asks once: one round trip.
    ///
    /// `following` is the fence of the run whose end the caller waits for.
    func claim(following: Int64 = 0) async throws -> Claim {
        let core = register()
        let reply: [RedisValue]
        do {
            reply = try await engine.redis.evaluate(
                OnceScripts.claim, keys: [core.key],
                arguments: [
                    core.token.text, lease.milliseconds, retention.milliseconds, owner, following, fingerprint,
                ], on: .control)
        } catch {
            core.abandoned(after: error)
            throw CoordinationError.from(error, operation: "once", key: key)
        }
        guard let answer = OnceAnswer(reply) else {
            core.refused()
            throw CoordinationError(
                .unavailable, operation: "once", key: key,
                message: "the record \(key) is not one of a task; another program uses the key")
        }
        if case .first(let fence, let takenOver) = answer {
            return .first(try await granted(core, fence), takenOver: takenOver)
        }
        core.refused()
        switch answer {
        case .done(let json): return .done(json)
        case .failed(let owner, let error): return .failed(owner: owner, error: error)
        case .inProgress(let owner, let left, let fence): return .inProgress(owner: owner, left: left, fence: fence)
        case .mismatch: return .mismatch
        case .first: preconditionFailure("a first claim was answered above")
        }
    }

    /// The lease that was asked for and granted; one that came too late is given back.
    func granted(_ core: LeaseCore, _ fence: Int64) async throws -> Lease {
        guard core.granted() else {
            await core.giveBack()
            throw tooLate()
        }
        return Lease(core, fencingToken: fence)
    }

    // MARK: Results

    /// The result as JSON; throws when it cannot be encoded or is too long.
    func encode(_ value: some Encodable) throws -> [UInt8] {
        let json = [UInt8](try JSONEncoder().encode(value))
        guard json.count <= longestResult else {
            throw CoordinationError(
                .resultUnavailable, operation: "once", key: key,
                message: "the result of \(id) has \(json.count) bytes of JSON; at most \(longestResult) are stored")
        }
        return json
    }

    func decode<T: Decodable>(_ json: [UInt8]?) throws(CoordinationError) -> T {
        guard let json else { throw unavailable("it could not be stored", nil) }
        do {
            return try JSONDecoder().decode(T.self, from: Data(json))
        } catch {
            throw unavailable("it is not a \(T.self)", error)
        }
    }

    // MARK: Errors

    private func unavailable(_ why: String, _ underlying: (any Error)?) -> CoordinationError {
        CoordinationError(
            .resultUnavailable, operation: "once", key: key,
            message: "\(id) was done, but its result cannot be had: \(why)", underlying: underlying)
    }

    func failedEarlier(owner: String, error: String) -> CoordinationError {
        CoordinationError(
            .taskFailed, operation: "once", key: key,
            message: "\(id) failed at \(owner) with \(error), and that is remembered; forget it to try again")
    }

    func stillInProgress(owner: String) -> CoordinationError {
        CoordinationError(
            .taskInProgress, operation: "once", key: key,
            message: "\(id) was still in progress at \(owner) when the wait was over; try later or wait longer")
    }

    func claimedForAnother() -> CoordinationError {
        CoordinationError(
            .invalidArgument, operation: "once", key: key,
            message: "\(id) was claimed for something else; use another id for it")
    }

    private func tooLate() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "once", key: key,
            message: "the claim of \(id) was granted too late for its lease of \(lease.duration); it was given back")
    }
}
