/// What went wrong between the caller and Redis, with where and during what.
///
/// Contention and a miss are results elsewhere in this package; a `RedisError` always means that the command's
/// outcome is an error or unknown. ``wasWritten`` tells the two apart after a lost connection or a timeout.
/// No password, argument or payload is ever part of it.
public struct RedisError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// A configuration value is missing, unreadable or out of range; the message names it.
        case configuration
        /// The server could not be reached: unresolved name, refused, or no answer within the connect timeout.
        case connectFailed
        /// The connection was lost before the reply arrived.
        case connectionLost
        /// The command's deadline passed.
        case timedOut
        /// The calling task was cancelled.
        case cancelled
        /// The client was closed by its owner.
        case closed
        /// No connection, and the client is configured to fail at once rather than wait.
        case notConnected
        /// The queue of commands waiting for a connection is full.
        case queueFull
        /// The peer sent bytes that are not the Redis protocol.
        case protocolViolation
        /// A reply arrived but does not have the requested type.
        case decoding
        /// An argument cannot be sent: empty key, too large, not finite.
        case invalidArgument
        /// A watched key changed, so EXEC did nothing.
        case transactionAborted
        /// An error reply with a code this version does not name; see ``RedisError/serverMessage``.
        case server
        /// LOADING: the server is reading its data set from disk.
        case loading
        /// BUSY: a script blocks the server.
        case busy
        /// READONLY: the server is a replica.
        case readOnly
        /// OOM: the server is above `maxmemory` and may not evict.
        case outOfMemory
        /// NOSCRIPT: the server does not know the script's SHA.
        case noScript
        /// MISCONF: the server cannot persist and refuses writes.
        case misconfigured
        /// NOREPLICAS: fewer replicas than `min-replicas-to-write`.
        case noReplicas
        /// MOVED: another cluster node owns the slot.
        case moved
        /// ASK: the slot is being moved.
        case ask
        /// CLUSTERDOWN: the cluster is not serving.
        case clusterDown
        /// TRYAGAIN: the slot is between nodes.
        case tryAgain
        /// CROSSSLOT: keys of one command hash to different slots.
        case crossSlot
        /// NOAUTH: the server wants a password.
        case noAuthentication
        /// WRONGPASS: user or password are not accepted.
        case wrongPassword
        /// NOPERM: the ACL forbids this command, key or channel.
        case noPermission
        /// WRONGTYPE: the key holds another type.
        case wrongType
        /// EXECABORT: a queued command was refused.
        case transactionRefused
        /// BUSYGROUP: the consumer group exists.
        case groupExists
        /// NOGROUP: no such stream or consumer group.
        case noGroup
        /// UNKILLABLE / NOTBUSY and friends never get here; unknown commands do.
        case unknownCommand
    }

    /// The kind of failure.
    public var code: Code { storage.code }
    /// What was being done, in the words of the protocol: a command's name, `connect`, `handshake`.
    public var operation: String { storage.operation }
    /// One sentence for a person: what, where, what to do.
    public var message: String { storage.message }
    /// The server's own words, for error replies.
    public var serverMessage: String? { storage.serverMessage }
    /// `host:port` or the socket's path.
    public var address: String? { storage.address }
    /// True when bytes of the command may have reached the server, so its effect is unknown.
    public var wasWritten: Bool { storage.wasWritten }
    /// The error beneath, where there is one.
    public var underlying: (any Error)? { storage.underlying }

    // One word in every Result on the hot path; the fields are only touched when something failed.
    private final class Storage: Sendable {
        let code: Code
        let operation: String
        let message: String
        let serverMessage: String?
        let address: String?
        let wasWritten: Bool
        let underlying: (any Error)?
        let deadline: UInt64?

        init(
            _ code: Code, _ operation: String, _ message: String, _ serverMessage: String?, _ address: String?,
            _ wasWritten: Bool, _ underlying: (any Error)?, _ deadline: UInt64?
        ) {
            self.code = code
            self.operation = operation
            self.message = message
            self.serverMessage = serverMessage
            self.address = address
            self.wasWritten = wasWritten
            self.underlying = underlying
            self.deadline = deadline
        }
    }

    private let storage: Storage

    /// Builds an error; `message` is a full sentence that names what to do.
    public init(
        _ code: Code, operation: String, message: String, serverMessage: String? = nil, address: String? = nil,
        wasWritten: Bool = false, underlying: (any Error)? = nil
    ) {
        storage = Storage(code, operation, message, serverMessage, address, wasWritten, underlying, nil)
    }

    private init(
        _ other: RedisError, operation: String? = nil, wasWritten: Bool? = nil, deadline: UInt64? = nil,
        underlying: (any Error)? = nil
    ) {
        storage = Storage(
            other.code, operation ?? other.operation, other.message, other.serverMessage, other.address,
            wasWritten ?? other.wasWritten, underlying ?? other.underlying, deadline ?? other.storage.deadline)
    }
}

extension RedisError {
    /// The same error, for a command whose bytes may have reached the server, and which may be repeated until
    /// `deadline` on the loop's clock.
    func written(deadline: UInt64? = nil) -> RedisError { RedisError(self, wasWritten: true, deadline: deadline) }

    /// The same error, for a command of which an earlier attempt was lost after it was written.
    func following(_ lost: RedisError) -> RedisError {
        isAnswer ? RedisError(self, underlying: lost) : written()
    }

    /// The same error, after an earlier attempt at the same that ended in another one.
    ///
    /// What that attempt may have done stays possible, whatever the answer to its repetition.
    package func keepingDoubt(of earlier: RedisError) -> RedisError {
        earlier.isEffectUnknown ? following(earlier) : self
    }

    /// The server's answer to the command; one that ends the connection may say why, which is none.
    private var isAnswer: Bool { serverMessage != nil && code != .connectionLost && code != .connectFailed }

    /// True when the command may have taken effect: it was written, and no answer to it, or to an earlier attempt,
    /// came.
    ///
    /// False for a refusal: a server that answers with an error did nothing.
    public var isEffectUnknown: Bool {
        guard isAnswer else { return wasWritten }
        return (underlying as? RedisError)?.isEffectUnknown ?? false
    }

    /// Until when, on the loop's clock in milliseconds, the failed command may be repeated.
    var deadline: UInt64? { storage.deadline }

    /// The same error, for the command of this name.
    func naming(_ command: String) -> RedisError {
        if operation == "reply", let serverMessage {
            return RedisError(serverReply: serverMessage, operation: command, address: address)
        }
        if operation == Self.unsent { return .cancelledUnsent(command, address: address) }
        return ["command", "queue", "connection", "heartbeat"].contains(operation)
            ? RedisError(self, operation: command) : self
    }

    /// What an unsent command is called before `naming`.
    private static let unsent = "unsent command"

    /// Its task was cancelled before a command was sent; without a name until `naming` gives it.
    static func cancelledUnsent(_ command: String = unsent, address: String?) -> RedisError {
        RedisError(
            .cancelled, operation: command, message: "\(command) was not sent: its task is cancelled.",
            address: address)
    }

    static func connectCancelled(_ address: String) -> RedisError {
        RedisError(
            .cancelled, operation: "connect",
            message: "The task that waited for a connection to \(address) was cancelled.",
            address: address)
    }

    /// True when the server refused the credentials or the database: waiting will not help.
    var isRefusal: Bool {
        switch code {
        case .noAuthentication, .wrongPassword, .noPermission: true
        case .server: operation == "handshake"
        default: false
        }
    }
}

extension RedisError: CustomStringConvertible {
    /// `timedOut (GET): localhost:6379 did not answer in time; …`.
    public var description: String {
        var text = "\(code.rawValue) (\(operation)): \(message)"
        if let address, !message.contains(address) { text += " (\(address))" }
        if let underlying { text += " [\(underlying)]" }
        return text
    }
}
