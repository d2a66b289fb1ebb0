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
        return try await HeldBody(lease, operation: "withLock", subject: "lock").run(body)
    }
}
