public import RedisCore

/// Idempotency keys of a fleet: the records of ``TaskCoordinator`` under keys of their own.
///
/// One round trip to claim, one to store. A claim is a lease, renewed while the handler runs; when its process dies it
/// lapses, and the next request is handled.
public struct RedisIdempotencyStore: IdempotencyStore {
    private let tasks: TaskCoordinator
    private let retention: Duration
    private let lease: Duration

    /// A store on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use.
    ///   - retention: 1 ms to ten years; how long an answer is kept from the end of its handler.
    ///   - lease: 1 ms to ten years; how long a key stays claimed after the death of who handles it.
    public init(_ redis: RedisClient, retention: Duration = .seconds(86_400), lease: Duration = .seconds(30)) {
        tasks = TaskCoordinator(redis)
        self.retention = retention
        self.lease = lease
    }

    /// Claims a key.
    ///
    /// - Throws: ``CoordinationError`` with `unavailable` or `invalidArgument`; `CancellationError`.
    public func claim(_ key: String, fingerprint: String, wait: Duration) async throws -> IdempotencyClaim {
        let request = try OnceRequest(
            tasks, key, lease: lease, ending: .keep(retention), key: tasks.keys.idempotency(key),
            fingerprint: fingerprint)
        let claim: OnceRequest.Claim
        do {
            claim = try await OnceWait(request, wait > .zero ? .wait(wait) : .skip).claim()
        } catch let error as CoordinationError where error.code == .taskInProgress {
            return .inProgress
        }
        switch claim {
        case .first(let lease, let takenOver): return .first(Turn(request: request, lease: lease, takenOver: takenOver))
        case .inProgress: return .inProgress
        case .done(let bytes): return bytes.map(IdempotencyClaim.answered) ?? .answeredUnstored
        case .failed(let owner, let error): throw request.failedEarlier(owner: owner, error: error)
        case .mismatch: return .reused
        }
    }

    private struct Turn: IdempotencyTurn {
        let request: OnceRequest
        let lease: Lease
        let takenOver: Bool

        func run<T: Sendable>(
            keeps: @escaping @Sendable (T) -> Bool, encode: @escaping @Sendable (T) -> [UInt8]?,
            _ handler: @escaping @Sendable () async throws -> T
        ) async throws -> T {
            let run = OnceRun(request, lease, takenOver: takenOver, onFailure: .release)
            return try await run.run(
                { lease in
                    let value = try await handler()
                    // Given back by its own body, a task's result is not stored and the key is free.
                    if !keeps(value) { try await lease.release() }
                    return value
                }, encode: encode)
        }
    }
}
