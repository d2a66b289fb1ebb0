import Metrics
import RedisCore

/// How one request for a lease ended.
enum LeaseAttempt: Sendable {
    case granted(Lease)
    /// Somebody else's; nil when the key never expires.
    case held(left: Duration?)
    /// Granted, but the reply took longer than the time to live; it is to be given back.
    case tooLate
}

/// One wish for one lease: its keys and times, checked once, for as many attempts as it takes.
protocol LeaseRequest: Sendable {
    var engine: CoordinationEngine { get }
    /// Whose scripts keep it.
    var kind: LeaseKind { get }
    var name: String { get }
    /// The key that stands for it, in errors and logs.
    var key: String { get }
    var ttl: LeaseTime { get }
    /// Where the end of a holder is announced.
    var wakeChannel: String { get }
    /// Several may hold it at a time: a grant says nothing about the next in line, who asks at once.
    var isShared: Bool { get }

    /// True when every waiter is woken for itself instead of in the order of a line that all of this process share.
    var waitsAlone: Bool { get }

    /// Asks once: one round trip.
    ///
    /// Throws what Redis threw, or the ``CoordinationError`` that is to reach the caller.
    func attempt(timeout: Duration?) async throws -> LeaseAttempt
    /// The wait is over without a lease: what was left in a queue on the server is to go.
    func gaveUp()
}

extension LeaseRequest {
    var waitsAlone: Bool { false }
    func gaveUp() {}
    var isShared: Bool { false }

    /// Asks with a script that answers a fence (> 0), or −(ms left + 2), −1 for a holder that never expires.
    ///
    /// The lease is registered before the request is sent: a grant must not wait for its caller's task to be scheduled
    /// to be renewed.
    func attempt(
        _ core: LeaseCore, _ script: RedisScript, keys: [RedisKey]? = nil, arguments: [any RedisArgument],
        sentAt: Moment,
        timeout: Duration?
    ) async throws(RedisError) -> LeaseAttempt {
        engine.renewals.register(core, now: sentAt)
        let reply: Int64
        do {
            reply = try await engine.redis.evaluate(
                script, keys: keys ?? core.keys, arguments: arguments, timeout: timeout, on: .control)
        } catch {
            core.abandoned(after: error)
            throw error
        }
        let attempt = core.answered(reply)
        if case .tooLate = attempt { await core.giveBack() }
        return attempt
    }

    func tooLate() -> CoordinationError {
        CoordinationError(
            .unavailable, operation: "acquire", key: key,
            message: "the \(kind.noun) \(name) was granted too late for its time to live of \(ttl.duration); "
                + "it was given back")
    }

    func notAcquired(after wait: Duration, _ underlying: (any Error)? = nil) -> CoordinationError {
        CoordinationError(
            .lockNotAcquired, operation: "acquire", key: key,
            message: "the \(kind.noun) \(name) was still held after \(wait); try later or wait longer",
            underlying: underlying)
    }

    /// One attempt: the lease, or nil when somebody else holds it.
    ///
    /// Inlined: each asynchronous frame between a caller and its reply costs some 150 instructions.
    @inline(__always)
    func tryLease() async throws -> Lease? {
        do {
            switch try await attempt(timeout: nil) {
            case .granted(let lease): return lease
            case .held: return nil
            case .tooLate: throw tooLate()
            }
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "acquire", key: key)
        }
    }
}

extension LeaseCore {
    /// What an acquiring script's answer means; a grant that came too late is to be given back by the caller.
    func answered(_ reply: Int64) -> LeaseAttempt {
        guard reply > 0 else {
            refused()
            engine.metrics.contended.increment()
            return .held(left: reply == -1 ? nil : .milliseconds(-reply - 2))
        }
        guard granted() else { return .tooLate }
        engine.metrics.acquired.increment()
        return .granted(Lease(self, fencingToken: reply))
    }
}
