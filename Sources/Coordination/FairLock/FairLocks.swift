public import RedisCore

/// Locks by name that are granted in the order in which they were asked for, across all processes.
///
/// A waiter has a place in a queue on the server from its first request on. The lock goes to the head of the queue and
/// to nobody else: who asks while others wait, with ``tryAcquire(_:ttl:)`` too, does not overtake them. The head alone
/// is woken by a release.
///
/// A waiter's place is a lease (`place`, 10 s) that it renews while it waits. When its process dies, or is stopped for
/// longer, the others go on without it, and one that was only stopped begins again at the end of the queue. While a
/// dead waiter is at the head nobody gets the lock, for that time at most; that is what order costs.
///
/// Otherwise as ``Locks``: one holder as far as a lease can tell, fencing tokens, renewal, no reentrance. The same name
/// of ``Locks`` is another lock.
public final class FairLocks: Sendable {
    let engine: CoordinationEngine
    let keys: CoordinationKeys
    let renewal: Locks.Renewal
    let place: LeaseTime

    /// Fair locks on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; it must stay open while leases are held.
    ///   - renewal: Whether held leases are renewed.
    ///   - place: How long a waiter that died keeps its place, 100 ms to an hour; the same in every process, because
    ///     the shortest one counts.
    /// - Throws: `invalidArgument` for a place out of range.
    public init(
        _ redis: RedisClient, renewal: Locks.Renewal = .automatic(maxHold: nil), place: Duration = .seconds(10)
    ) throws(CoordinationError) {
        guard (Duration.milliseconds(100)...Duration.seconds(3_600)).contains(place) else {
            throw CoordinationError(
                .invalidArgument, operation: "fair", message: "the place is \(place); it must be 100 ms to an hour")
        }
        self.place = try LeaseTime(place, "the place", operation: "fair")
        engine = CoordinationEngine.of(redis)
        keys = CoordinationKeys(redis.configuration, naming: .standard)
        self.renewal = renewal
    }

    /// Takes the lock if it is free and nobody waits for it; one round trip.
    ///
    /// - Returns: the lease, or nil.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func tryAcquire(_ name: String, ttl: Duration = .seconds(30)) async throws -> Lease? {
        try await FairRequest(self, name, ttl: ttl, waits: false).tryLease()
    }

    /// Takes the lock when it is this caller's turn; one round trip when it is free and nobody waits.
    ///
    /// Waiting costs one subscription of the waiter's own, and one request every half of `place`, and every 5 s in any
    /// case, that keeps its place. A waiter
    /// that is cancelled, or whose wait is over, leaves the queue.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Throws: `lockNotAcquired` when the wait is over, `unavailable` when Redis gave no verdict, `invalidArgument`;
    ///   `CancellationError`, after which no lock is held and no place kept.
    public func acquire(_ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease {
        let request = try FairRequest(self, name, ttl: ttl, waits: wait != .zero)
        return try await LeaseWait(request, wait: wait).lease()
    }

    /// Runs `body` while holding the lock, and releases it whatever happens; as ``Locks/withLock(_:ttl:wait:_:)``.
    public func withLock<T: Sendable>(
        _ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await acquire(name, ttl: ttl, wait: wait)
        return try await HeldBody(lease, operation: "withLock", subject: "lock").run(body)
    }
}
