public import RedisCore

/// Locks that many may hold for reading, or one for writing, by name.
///
/// ```swift
/// let catalogue = ReadWriteLocks(redis)
/// try await catalogue.withRead("prices") { _ in try await render() }
/// try await catalogue.withWrite("prices") { lease in
///     try await importPrices(fence: lease.fencingToken)
///     try await lease.downgrade()                 // others may read again; nobody wrote in between
///     try await verify()
/// }
/// ```
///
/// Every reader and the writer has a lease of its own, renewed on its own and ended by the server's clock: a reader
/// that died ends with its own time, whatever others do. Where the clock of the server goes back, all leases move with
/// it.
///
/// **Writers are preferred**: while one waits, no further reader gets in, so writers that come without pause keep
/// readers out. A waiting writer that died counts for 10 s. Within one process writers are served in order of arrival;
/// between processes nobody promises an order. A writer's end wakes the waiting writers, one of each process, or all
/// readers at once when no writer waits.
///
/// Not reentrant, and no upgrade: a reader that asks to write waits for itself. Use ``Lease/retain()`` to share a
/// lease. Writers draw fencing tokens like those of ``Locks``; readers get the token of the last writer, so that what
/// they derive can be told from what a later writer made. What holds for leases of ``Locks`` on one server holds for
/// these.
public final class ReadWriteLocks: Sendable {
    let engine: CoordinationEngine
    let keys: CoordinationKeys
    let renewal: Locks.Renewal

    /// Read-write locks on one server; nothing is sent.
    ///
    /// They share no key with ``Locks``: the same name is another lock.
    ///
    /// - Parameters:
    ///   - redis: The client to use; it must stay open while leases are held.
    ///   - renewal: Whether held leases are renewed.
    public init(_ redis: RedisClient, renewal: Locks.Renewal = .automatic(maxHold: nil)) {
        engine = CoordinationEngine.of(redis)
        keys = CoordinationKeys(redis.configuration, naming: .standard)
        self.renewal = renewal
    }

    /// Gets leave to read, waiting while somebody writes or waits to; one round trip when nobody does.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lease outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Throws: `lockNotAcquired` when the wait is over, `unavailable` when Redis gave no verdict, `invalidArgument`;
    ///   `CancellationError`, after which nothing is held.
    public func read(_ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease {
        try await acquire(name, .read, ttl: ttl, wait: wait)
    }

    /// Gets leave to write, waiting for the writer and all readers; one round trip when there are none.
    ///
    /// From its first refusal until it gets the lock or gives up, no further reader gets in. Parameters and errors as
    /// for ``read(_:ttl:wait:)``.
    public func write(_ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease {
        try await acquire(name, .write, ttl: ttl, wait: wait)
    }

    /// Gets leave to read if nobody writes or waits to; one round trip.
    ///
    /// - Returns: the lease, or nil.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func tryRead(_ name: String, ttl: Duration = .seconds(30)) async throws -> Lease? {
        try await ReadWriteRequest(self, name, .read, ttl: ttl, waits: false).tryLease()
    }

    /// Gets leave to write if nobody reads or writes; one round trip, and no reader is held back.
    ///
    /// Result and errors as for ``tryRead(_:ttl:)``.
    public func tryWrite(_ name: String, ttl: Duration = .seconds(30)) async throws -> Lease? {
        try await ReadWriteRequest(self, name, .write, ttl: ttl, waits: false).tryLease()
    }

    /// Runs `body` with leave to read, and gives it back whatever happens; as ``Locks/withLock(_:ttl:wait:_:)``.
    public func withRead<T: Sendable>(
        _ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await read(name, ttl: ttl, wait: wait)
        return try await HeldBody(lease, operation: "withRead", subject: "lock").run(body)
    }

    /// Runs `body` with leave to write, and gives it back whatever happens; as ``Locks/withLock(_:ttl:wait:_:)``.
    public func withWrite<T: Sendable>(
        _ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await write(name, ttl: ttl, wait: wait)
        return try await HeldBody(lease, operation: "withWrite", subject: "lock").run(body)
    }

    private func acquire(
        _ name: String, _ mode: ReadWriteRequest.Mode, ttl: Duration, wait: Duration?
    ) async throws -> Lease {
        let request = try ReadWriteRequest(self, name, mode, ttl: ttl, waits: wait != .zero)
        return try await LeaseWait(request, wait: wait).lease()
    }
}
