/// Where ``Idempotency`` keeps who is at a request and what was answered.
///
/// Two are built in: ``RedisIdempotencyStore`` for a fleet, ``InMemoryIdempotencyStore`` for one process and for tests.
/// Another has to keep the promises of ``claim(_:fingerprint:wait:)``, atomically.
public protocol IdempotencyStore: Sendable {
    /// Claims a key for a request, or tells what is known of it.
    ///
    /// Of several callers exactly one gets `first`; a claim is given up by itself when its process dies. When somebody
    /// else has it, waits at most `wait` for the end of that.
    ///
    /// - Throws: when the store cannot be asked: that must not be taken for "first".
    func claim(_ key: String, fingerprint: String, wait: Duration) async throws -> IdempotencyClaim
}

/// What a store knows of a key.
public enum IdempotencyClaim: Sendable {
    /// The caller is to handle the request, and to end the turn.
    case first(any IdempotencyTurn)
    /// Somebody else is handling it.
    case inProgress
    /// It was answered with this.
    case answered([UInt8])
    /// It was answered, but what with is not stored: too long.
    case answeredUnstored
    /// The key was used for another request.
    case reused
}

/// The turn of whoever handles a request.
public protocol IdempotencyTurn: Sendable {
    /// Runs the handler; cancels it when the caller is cancelled, and when the claim is lost, where that can happen.
    ///
    /// Stores what `encode` makes of the result, nil for "answered, but not stored"; the claim is given back when the
    /// handler throws, or when `keeps` says no. Throws what the handler throws, and when the claim was lost.
    func run<T: Sendable>(
        keeps: @escaping @Sendable (T) -> Bool, encode: @escaping @Sendable (T) -> [UInt8]?,
        _ handler: @escaping @Sendable () async throws -> T
    ) async throws -> T
}
