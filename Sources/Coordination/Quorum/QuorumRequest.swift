import Metrics
import RedisCore

/// One wish for one lock on several servers, checked once, for as many attempts as it takes.
struct QuorumRequest: Sendable {
    let engine: CoordinationEngine
    let name: String
    let ttl: LeaseTime
    private let places: [QuorumNodes.Place]
    private let renewal: Locks.Renewal

    init(_ locks: QuorumLocks, _ name: String, ttl: Duration) throws(CoordinationError) {
        self.ttl = try LeaseTime(ttl, "the time to live", operation: "acquire")
        engine = locks.engines[0]
        self.name = name
        renewal = locks.renewal
        var places: [QuorumNodes.Place] = []
        for engine in locks.engines {
            engine.policyCheck.runOnce(engine.redis)
            let keys = CoordinationKeys(engine.redis.configuration, naming: .standard)
            let (lock, fence) = try keys.quorum(name)
            places.append(
                .init(
                    redis: engine.redis, lock: RedisKey(lock), fence: RedisKey(fence), wakeSuffix: keys.wakeSuffix))
        }
        self.places = places
    }

    var key: String { places[0].lock.name }

    /// Asks every server once, with a token of its own; what is not a grant is given back before this returns, as far
    /// as servers answer.
    func attempt() async throws -> LeaseAttempt {
        let now = Moment.now
        let nodes = QuorumNodes(places: places, token: Token(), ttl: ttl)
        let core = LeaseCore(
            engine, kind: .quorum, name: name, key: places[0].lock, ttl: ttl, now: now, renews: renewal.isAutomatic,
            maxHold: renewal.maxHold, wakeSuffix: places[0].wakeSuffix, token: nodes.token, remote: nodes)
        // Before the requests are sent: a grant must not wait for its caller's task to be scheduled to be renewed.
        engine.renewals.register(core, now: now)
        let answer = await nodes.acquire()
        guard answer.verdict == .yes else {
            core.refused()
            nodes.giveBack()
            guard case .no = answer.verdict else { throw unanswered() }
            engine.metrics.contended.increment()
            return .held(left: nil)
        }
        let fence = answer.replies.compactMap { $0 }.max() ?? 0
        guard await nodes.raise(to: fence, granted: answer.replies) else {
            core.refused()
            nodes.giveBack()
            throw unanswered()
        }
        guard !Task.isCancelled else {
            core.refused()
            nodes.giveBack()
            throw CancellationError()
        }
        let attempt = core.answered(fence)
        if case .tooLate = attempt { await core.giveBack() }
        return attempt
    }

    // MARK: Errors

    private func unanswered() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "acquire", key: key,
            message: "too few of \(places.count) servers answered for \(key); see that a majority of them is up",
            underlying: QuorumNodes.silent("acquire", of: places.count))
    }

    func tooLate() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "acquire", key: key,
            message: "the \(LeaseKind.quorum.noun) \(name) was granted too late for its time to live of "
                + "\(ttl.duration); it was given back")
    }

    func notAcquired(after wait: Duration) -> CoordinationError {
        CoordinationError(
            .lockNotAcquired, operation: "acquire", key: key,
            message: "the \(LeaseKind.quorum.noun) \(name) was still held after \(wait); try later or wait longer")
    }
}

extension CoordinationKeys {
    /// The key and the fence of a quorum lock at one server.
    func quorum(_ name: String) throws(CoordinationError) -> (lock: String, fence: String) {
        try Self.check(name, "a lock's name")
        let lock = "\(prefix)quorum:{\(Self.escaped(name))}"
        return (lock, lock + ":fence")
    }
}
