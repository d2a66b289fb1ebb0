import Logging
import Tracing

extension Locks {
    /// Runs `body` while holding the lock, and releases it whatever happens.
    ///
    /// The body runs in a task of its own, which is cancelled when the lease is lost or the caller is cancelled; this
    /// call returns only after the body did. A failing release is logged and counted and does not replace the body's
    /// result: its key ends with its time to live.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    ///   - body: Gets the lease; pass its ``Lease/fencingToken`` to what must not be written twice.
    /// - Returns: what the body returns.
    /// - Throws: what the body throws; `lockLost` when the lease ended while the body ran, with the body's error
    ///   beneath; what ``acquire(_:ttl:wait:)`` throws.
    public func withLock<T: Sendable>(
        _ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await acquire(name, ttl: ttl, wait: wait)
        let result = await withSpan("lock.hold", ofKind: .internal) { span -> Result<T, any Error> in
            span.attributes["lock.key"] = lease.key
            // The caller may have been scheduled late: a lease that ended meanwhile protects nothing.
            guard lease.isTrusted else { return .failure(CancellationError()) }
            return await GuardedBody.run(lease, body)
        }
        let trusted = lease.isTrusted
        let loss = lease.loss
        var released: ReleaseOutcome?
        do {
            released = try await lease.release()
        } catch {
            engine.logger.warning(
                "a lock was not released; it ends with its time to live",
                metadata: ["lock": "\(name)", "error": "\(error)"])
        }
        if trusted, released == .released || released == nil { return try result.get() }
        let reason = loss ?? (released == .notOwner ? .takenOver : .expired)
        throw lease.core.lostError("withLock", reason, underlying: result.failure)
    }
}

extension Result {
    /// The error, when it is one.
    var failure: (any Error)? { if case .failure(let error) = self { error } else { nil } }
}
