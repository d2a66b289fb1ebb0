import Logging
import Metrics
import RedisCore

/// For administrators: what breaks the rule that a lock is its holder's.
extension Locks {
    /// Frees a lock whoever holds it, wakes a waiter, and announces that; one round trip.
    ///
    /// **The holder goes on until it learns of it**: at once when it has held the lock for longer than a third of its
    /// time to live, because from then on its client listens to the audit channel, otherwise at its first renewal. What
    /// it writes in between is only refused where its fencing token is checked. A lock of another program is not told.
    ///
    /// The announcement is JSON on the channel `‹prefix›:lock:audit:‹db›`, sent in the same step, and a notice in this
    /// client's log. Redis keeps no announcements: who must not miss one stores it. A lost reply is repeated with one
    /// effect.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - who: Whose decision it is, 1 to 256 bytes.
    ///   - reason: Why, at most 1,024 bytes.
    /// - Returns: whose it was; nil when nobody held it, and nothing is announced.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    @discardableResult
    public func forceRelease(_ name: String, by who: String, reason: String) async throws -> ForcedRelease? {
        let key = try keys.lock(name)
        return try await ForceRequest(engine, keys, name, by: who, reason: reason).run(
            ForceScripts.release, keys: [RedisKey(key), RedisKey(keys.fence(of: key))])
    }

    /// Takes a lock whoever holds it, and announces that; one round trip.
    ///
    /// The new lease's fencing token is larger than that of the holder, which learns of it as described for
    /// ``forceRelease(_:by:reason:)``. Waiters go on waiting.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - who: Whose decision it is, 1 to 256 bytes.
    ///   - reason: Why, at most 1,024 bytes.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func takeOver(
        _ name: String, ttl: Duration = .seconds(30), by who: String, reason: String
    ) async throws -> Lease {
        let request = try LockRequest(self, name, ttl: ttl)
        let force = try ForceRequest(engine, keys, name, by: who, reason: reason)
        let channel = CoordinationKeys.auditChannel(engine.redis.configuration)
        do {
            switch try await request.takeOver([channel, name, who, reason, LifeOfKeys.fence]) {
            case .granted(let lease):
                force.log("a lock was taken over by force")
                return lease
            case .held, .tooLate: throw request.tooLate()
            }
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "takeOver", key: request.key)
        }
    }
}
