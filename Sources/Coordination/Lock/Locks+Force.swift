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
        let fence = keys.fence(of: key)
        try Self.check(who, reason, operation: "forceRelease", key: key)
        let arguments: [any RedisArgument] = [
            Token().text, keys.wakeSuffix, CoordinationKeys.auditChannel(engine.redis.configuration), name, who, reason,
            LifeOfKeys.fence,
        ]
        let reply: [RedisValue]
        do {
            reply = try await engine.redis.evaluate(
                ForceScripts.release, keys: [RedisKey(key), RedisKey(fence)], arguments: arguments, on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "forceRelease", key: key)
        }
        guard reply.count == 3, case .integer(let previous) = reply[1], case .bytes(let holder) = reply[2] else {
            return nil
        }
        log("a lock was released by force", name, who, reason)
        return ForcedRelease(
            name: name, previousHolder: String(decoding: holder, as: UTF8.self), previousFence: previous)
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
        try Self.check(who, reason, operation: "takeOver", key: request.key)
        let channel = CoordinationKeys.auditChannel(engine.redis.configuration)
        do {
            switch try await request.takeOver([channel, name, who, reason, LifeOfKeys.fence]) {
            case .granted(let lease):
                log("a lock was taken over by force", name, who, reason)
                return lease
            case .held, .tooLate: throw request.tooLate()
            }
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "takeOver", key: request.key)
        }
    }

    private static func check(
        _ who: String, _ reason: String, operation: String, key: String
    ) throws(CoordinationError) {
        guard (1...256).contains(who.utf8.count), reason.utf8.count <= 1_024 else {
            throw CoordinationError(
                .invalidArgument, operation: operation, key: key,
                message: "say who in 1 to 256 bytes and why in at most 1,024")
        }
    }

    private func log(_ event: Logger.Message, _ name: String, _ who: String, _ reason: String) {
        engine.metrics.forced.increment()
        engine.logger.notice(event, metadata: ["lock": "\(name)", "by": "\(who)", "reason": "\(reason)"])
    }
}
