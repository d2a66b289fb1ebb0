import RedisCore

/// Why a lock, a lease or a guarded task did not do what was asked, with what and where.
///
/// Somebody else holding a lock is a result wherever the call can return one (`nil`, `.inProgress`); it is an error
/// only where the call promises a lock. A Redis that does not answer is always ``Code/unavailable``, never "held".
public struct CoordinationError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// The lock stayed with somebody else until the wait was over.
        case lockNotAcquired
        /// The lease was given back before, so there is nothing to extend or check.
        case lockNotHeld
        /// The lease ended while it was in use: expired, taken over, or no longer provable.
        case lockLost
        /// The server has the lock, but too few of its replicas confirmed that in time; it was given back.
        case tooFewReplicas
        /// A name, a duration or a count is out of range; the message names it.
        ///
        /// Nothing was sent.
        case invalidArgument
        /// Redis did not answer or refused; whether the command took effect may be unknown.
        case unavailable
        /// The task failed earlier and its failure is remembered.
        case taskFailed
        /// Somebody else was still at the task when the wait was over.
        case taskInProgress
        /// What was waited for did not happen in time.
        case deadlineExceeded
        /// Not all participants of a barrier arrived in time, so none of them goes on.
        case barrierBroken
        /// The server is not fit for coordination, and the caller asked to be told by an error.
        case unsuitableServer
        /// The task was done, but its stored result cannot be read as the type asked for, or was not stored.
        case resultUnavailable
        /// A rate limit refused the call; ``CoordinationError/verdict`` says when to come back.
        case rateLimited
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done: `acquire`, `extend`, `once` and so on.
    public let operation: String
    /// The Redis key concerned.
    public let key: String?
    /// One sentence for a person: what, where, what to do.
    public let message: String
    /// The error beneath: Redis' own, or the one that a body threw before its lock was found lost.
    public let underlying: (any Error)?
    /// The server's own words, when it answered with an error.
    public var serverMessage: String? { (underlying as? RedisError)?.serverMessage }

    /// Builds an error; `message` is a full sentence that names what to do.
    public init(
        _ code: Code, operation: String, key: String? = nil, message: String, underlying: (any Error)? = nil
    ) {
        self.code = code
        self.operation = operation
        self.key = key
        self.message = message
        self.underlying = underlying
    }
}

extension CoordinationError: CustomStringConvertible {
    /// `lockLost: the lock … [underlying]`.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let key, !message.contains(key) { text += " (\(key))" }
        if let underlying { text += " [\(underlying)]" }
        return text
    }
}

extension CoordinationError {
    /// What a failed command means to a caller: its own cancellation, or an unavailable Redis.
    static func from(_ error: RedisError, operation: String, key: String) -> any Error {
        if error.code == .cancelled { return CancellationError() }
        return CoordinationError(
            .unavailable, operation: operation, key: key,
            message: "\(operation) of \(key) got no verdict from Redis", underlying: error)
    }
}
