import Logging
import RedisCore

/// One wish to take a lock of any kind from its holder: whose, why, and the request's id.
struct ForceRequest: Sendable {
    private let engine: CoordinationEngine
    private let keys: CoordinationKeys
    private let name: String
    private let who: String
    private let reason: String

    init(
        _ engine: CoordinationEngine, _ keys: CoordinationKeys, _ name: String, by who: String, reason: String
    ) throws(CoordinationError) {
        guard (1...256).contains(who.utf8.count), reason.utf8.count <= 1_024 else {
            throw CoordinationError(
                .invalidArgument, operation: "force", key: name,
                message: "say who in 1 to 256 bytes and why in at most 1,024")
        }
        self.engine = engine
        self.keys = keys
        self.name = name
        self.who = who
        self.reason = reason
    }

    /// Runs a script with the arguments of ``ForceScripts/release``; the first key is the lock's.
    func run(_ script: RedisScript, keys: [RedisKey]) async throws -> ForcedRelease? {
        let arguments: [any RedisArgument] = [
            Token().text, self.keys.wakeSuffix, CoordinationKeys.auditChannel(engine.redis.configuration), name, who,
            reason, LifeOfKeys.fence,
        ]
        let reply: [RedisValue]
        do {
            reply = try await engine.redis.evaluate(script, keys: keys, arguments: arguments, on: .control)
        } catch {
            throw CoordinationError.from(error, operation: "forceRelease", key: keys[0].name)
        }
        guard reply.count >= 3, case .integer(let fence) = reply[1], case .bytes(let holder) = reply[2] else {
            return nil
        }
        var readers = 0
        if reply.count > 3, case .integer(let count) = reply[3] { readers = Int(count) }
        log("a lock was released by force")
        return ForcedRelease(
            name: name, previousHolder: holder.isEmpty ? nil : String(decoding: holder, as: UTF8.self),
            previousFence: fence, readers: readers)
    }

    func log(_ event: Logger.Message) {
        engine.logger.notice(event, metadata: ["lock": "\(name)", "by": "\(who)", "reason": "\(reason)"])
    }
}

extension FairLocks {
    /// Frees a lock whoever holds it, calls the head of the queue, and announces that; one round trip.
    ///
    /// Promises, parameters and errors as for ``Locks/forceRelease(_:by:reason:)``.
    @discardableResult
    public func forceRelease(_ name: String, by who: String, reason: String) async throws -> ForcedRelease? {
        try await ForceRequest(engine, keys, name, by: who, reason: reason).run(
            FairScripts.force, keys: keys.fair(name).all)
    }
}

extension ReadWriteLocks {
    /// Frees a lock from its writer, or from all its readers, wakes who waits, and announces that; one round trip.
    ///
    /// Promises, parameters and errors as for ``Locks/forceRelease(_:by:reason:)``.
    @discardableResult
    public func forceRelease(_ name: String, by who: String, reason: String) async throws -> ForcedRelease? {
        try await ForceRequest(engine, keys, name, by: who, reason: reason).run(
            ReadWriteScripts.force, keys: keys.readWrite(name).all)
    }
}
