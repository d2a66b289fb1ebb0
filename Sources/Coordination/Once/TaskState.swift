import Logging
import RedisCore

/// A guarded task as seen from outside, at one moment.
public struct TaskState: Sendable, Hashable {
    /// What its record says.
    public enum Phase: String, Sendable, Hashable {
        /// Claimed; when the lease is over its owner has probably died.
        case running
        /// Done, and not to be done again for as long as the record is kept.
        case done
        /// Failed, and that is remembered for as long as the record is kept.
        case failed
    }

    /// What its record says.
    public let phase: Phase
    /// Who claimed it last.
    public let owner: String
    /// That claim's fencing token.
    public let fence: Int64
    /// How often it was claimed because an owner's lease had lapsed, and the first time.
    public let attempts: Int
    /// How long the claim lasts unless it is renewed; nil when nobody runs it.
    public let leaseLeft: Duration?
    /// How long the record is kept.
    public let retentionLeft: Duration

    init?(_ reply: [RedisValue]) {
        guard reply.count == 6, case .bytes(let phase) = reply[0], case .bytes(let owner) = reply[1],
            case .integer(let fence) = reply[2], case .integer(let attempts) = reply[3],
            case .integer(let left) = reply[4], case .integer(let kept) = reply[5],
            let phase = Phase(rawValue: String(decoding: phase, as: UTF8.self))
        else { return nil }
        self.phase = phase
        self.owner = String(decoding: owner, as: UTF8.self)
        self.fence = fence
        self.attempts = Int(attempts)
        leaseLeft = left < 0 ? nil : .milliseconds(left)
        retentionLeft = .milliseconds(max(kept, 0))
    }
}

extension TaskCoordinator {
    /// What Redis knows of a task; nil when nothing keeps it from running.
    ///
    /// One round trip.
    ///
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func inspect(_ id: String) async throws -> TaskState? {
        let key = try keys.once(id)
        do {
            return TaskState(
                try await engine.redis.evaluate(
                    OnceScripts.inspect, keys: [RedisKey(key)], as: [RedisValue].self, on: .control))
        } catch {
            throw CoordinationError.from(error, operation: "inspect", key: key)
        }
    }

    /// Takes a task from its owner, or forgets its outcome, so that it can run again: an administrator's word; two
    /// round trips.
    ///
    /// A running owner learns of it at its next renewal, a third of the lease later at most: its body is cancelled and
    /// its result is discarded with `lockLost`. Followers are woken at once, so both may run for that long; the newer
    /// one has the larger fencing token. A repeated request takes nothing from the next owner.
    ///
    /// - Returns: what was there; nil when nothing was, or the task has changed hands meanwhile.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    @discardableResult
    public func release(_ id: String) async throws -> TaskState? {
        guard let state = try await inspect(id) else { return nil }
        let key = try keys.once(id)
        do {
            let gone: Int = try await engine.redis.evaluate(
                OnceScripts.revoke, keys: [RedisKey(key)], arguments: [state.fence, keys.wakeSuffix], on: .control)
            guard gone == 1 else { return nil }
        } catch {
            throw CoordinationError.from(error, operation: "release", key: key)
        }
        engine.logger.notice(
            "a task was released by hand",
            metadata: ["task": "\(id)", "phase": "\(state.phase.rawValue)", "owner": "\(state.owner)"])
        return state
    }
}
