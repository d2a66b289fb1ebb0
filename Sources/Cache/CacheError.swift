import RedisCore

/// Why a cache, a store or a session did not do what was asked, with what and where.
///
/// A miss is a result (`nil`), never an error. An outage is always ``Code/unavailable`` and a value that cannot be read
/// is always ``Code/undecodable``: neither looks like a miss. No value, session id or code is ever part of it.
public struct CacheError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// A name, a duration or an option is out of range; the message names it.
        ///
        /// Nothing was sent.
        case invalidArgument
        /// Redis did not answer or refused; whether a write took effect may be unknown.
        case unavailable
        /// The stored value is not what the caller asked for: another type, another format, or damaged.
        case undecodable
        /// The value could not be turned into bytes.
        case unencodable
        /// The value is larger than the cache's guard allows.
        case tooLarge
        /// The key holds a value of another kind: a list, a set, or text where a number is needed.
        case wrongType
        /// A counter or a score would leave the range of its numbers; nothing was changed.
        case outOfRange
        /// A key-value store has no value under this key.
        case notFound
        /// A value took longer to load than its hard time-out allows, and no older one may be served.
        case loadTimedOut
        /// The value changed so often that a conditional write gave up.
        case conflict
        /// The session has expired: it was idle too long or reached its absolute end.
        case expired
        /// The session was ended by somebody: logged out, revoked, or pushed out by newer ones.
        case revoked
        /// A configuration file or value cannot be used; the message names file, line and key.
        case configuration
    }

    /// The kind of failure.
    public let code: Code
    /// What was being done: `get`, `set`, `remember` and so on.
    public let operation: String
    /// The Redis key concerned; nil where the key itself is a secret, such as a session's.
    public let key: String?
    /// One sentence for a person: what, where, what to do.
    public let message: String
    /// The error beneath: Redis' own, or a decoder's.
    public let underlying: (any Error)?
    /// An earlier step of the same call was done.
    private var followsChange = false

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

extension CacheError {
    /// True when Redis may have done what was asked all the same, or a part of it.
    ///
    /// It was sent, and not answered; or an earlier step of the same call was done. False for what was not sent, and
    /// for what Redis refused: nothing has changed then.
    public var isEffectUnknown: Bool { followsChange || (underlying as? RedisError)?.isEffectUnknown == true }

    /// The same error, of a step that comes after another one of the same call, which has changed something.
    var afterChange: CacheError {
        guard !followsChange else { return self }
        var error = CacheError(
            code, operation: operation, key: key, message: "\(message); what the call had done before stays done",
            underlying: underlying)
        error.followsChange = true
        return error
    }
}

extension CacheError {
    /// True when a read may take it for a miss under ``CacheFailurePolicy/open``.
    ///
    /// False for what only a server in cluster mode says: that is no outage but a deployment that no read will ever
    /// work on.
    var mayBeMiss: Bool {
        guard code == .unavailable else { return false }
        return switch (underlying as? RedisError)?.code {
        case .crossSlot, .moved, .ask: false
        default: true
        }
    }
}

extension CacheError: CustomStringConvertible {
    /// `undecodable: the value of users:7 … [underlying]`.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let key, !message.contains(key) { text += " (\(key))" }
        if let underlying { text += " [\(underlying)]" }
        return text
    }
}

extension CacheError {
    /// What a failed command means to a caller: its own cancellation, a wrong use, or an unavailable Redis.
    static func from(_ error: RedisError, operation: String, key: String?) -> any Error {
        let place = key.map { " of \($0)" } ?? ""
        switch error.code {
        case .cancelled: return CancellationError()
        case .wrongType:
            return CacheError(
                .wrongType, operation: operation, key: key,
                message: "\(operation)\(place) met a value of another kind; delete it or use another key",
                underlying: error)
        case .invalidArgument:
            return CacheError(
                .invalidArgument, operation: operation, key: key, message: "\(operation)\(place) cannot be sent",
                underlying: error)
        case .crossSlot:
            return CacheError(
                .unavailable, operation: operation, key: key,
                message: "\(operation)\(place) needs keys of several cluster slots; reads of a cache, and calls for "
                    + "several of its keys, need a server without cluster mode",
                underlying: error)
        case .moved, .ask:
            return CacheError(
                .unavailable, operation: operation, key: key,
                message: "\(operation)\(place) needs keys of another node of a cluster; a cache needs a server without "
                    + "cluster mode",
                underlying: error)
        default:
            return CacheError(
                .unavailable, operation: operation, key: key,
                message: "\(operation)\(place) got no answer from Redis"
                    + (error.isEffectUnknown ? "; what it was to change may be changed all the same" : ""),
                underlying: error)
        }
    }
}
