public import RedisCore

/// Distributed locks by name: at most one holder in the fleet, for a limited time.
///
/// ```swift
/// try await Locks(redis).withLock("payment:7", ttl: .seconds(30), wait: .seconds(5)) { lease in
///     try await charge(fence: lease.fencingToken)
/// }
/// ```
///
/// The lock is a plain string key that holds a random token, so programs that follow the common recipe (SET NX PX, then
/// compare and delete) and these exclude each other; see ``LockKeys``. Locks are not reentrant: a holder that asks for
/// its own name waits like everybody else. Within one process waiters are served in order of arrival; between processes
/// nobody promises an order.
///
/// One Redis server, replicated or not, cannot give more than a lease: a failover, a restart without persistence or a
/// long pause of this process ends it early. Renewal finds that out and cancels the body; what must not happen twice is
/// protected by the ``Lease/fencingToken``.
///
/// All `Locks` of one client share a renewal loop and a subscription; making one is cheap.
public final class Locks: Sendable {
    /// Whether leases are kept alive until they are released.
    public enum Renewal: Sendable, Hashable {
        /// Renewed every third of their time to live while the process lives, at most for `maxHold`.
        case automatic(maxHold: Duration?)
        /// Never: a lease ends with its time to live unless ``Lease/extend(by:)`` is called.
        case off
    }

    /// How many replicas have to know of a grant before it counts.
    public enum Replicas: Sendable, Hashable {
        /// None: a failover may forget a lock that was granted a moment ago.
        case none
        /// At least so many, each within the time given; too few are the error `tooFewReplicas`, and the lock is given
        /// back.
        ///
        /// Costs a further round trip on a connection of its own, and the replicas' delay. It makes the loss of a lock
        /// by a failover less likely, not impossible: the replica that is promoted may be another, and renewals are not
        /// waited for. Redis does not become consistent by it; the fencing token is still what protects.
        case atLeast(Int, within: Duration)
    }

    let engine: CoordinationEngine
    let keys: CoordinationKeys
    let renewal: Renewal
    let replicas: Replicas

    /// Locks on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; it must stay open while leases are held.
    ///   - keys: How names become keys; `.plain(prefix: "lock")` shares `lock:<name>` with other programs.
    ///   - renewal: Whether held leases are renewed.
    ///   - replicas: How many replicas have to know of a grant to a single name.
    public init(
        _ redis: RedisClient, keys: LockKeys = .standard, renewal: Renewal = .automatic(maxHold: nil),
        replicas: Replicas = .none
    ) {
        engine = CoordinationEngine.of(redis)
        self.keys = CoordinationKeys(redis.configuration, naming: keys)
        self.renewal = renewal
        self.replicas = replicas
    }

    /// Takes the lock if it is free; one round trip.
    ///
    /// When the reply is lost the request is repeated and gets the same grant. When the caller is cancelled meanwhile,
    /// a late grant is given back.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    /// - Returns: the lease, or nil when somebody else holds the lock.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func tryAcquire(_ name: String, ttl: Duration = .seconds(30)) async throws -> Lease? {
        try await LockRequest(self, name, ttl: ttl).tryLease()
    }

    /// Takes the lock, waiting for it when it is held; one round trip when it is free.
    ///
    /// Waiting is not polling: a release wakes the first waiter of each process over pub/sub; the end of the holder's
    /// time to live, and 5 s in any case, are timers.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Throws: `lockNotAcquired` when the wait is over, `unavailable` when Redis gave no verdict, `invalidArgument`;
    ///   `CancellationError`, after which no lock is held.
    public func acquire(_ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease {
        let request = try LockRequest(self, name, ttl: ttl)
        return try await LeaseWait(request, wait: wait).lease()
    }

    /// Tries, and tries again after a pause when somebody else holds the lock.
    ///
    /// Prefer ``acquire(_:ttl:wait:)``, which is woken instead of asking again and again.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - maxRetries: Attempts after the first, 0 or more.
    ///   - delay: The pause between two attempts, ±10 %; none after the last.
    /// - Returns: the lease, or nil when every attempt found the lock held.
    /// - Throws: at the first attempt without a verdict: `unavailable`, `invalidArgument`; `CancellationError`.
    public func tryAcquireWithRetry(
        _ name: String, ttl: Duration = .seconds(30), maxRetries: Int, delay: Duration
    ) async throws -> Lease? {
        let retries = try Retries(maxRetries: maxRetries, delay: delay)
        return try await retries.run(
            pause: { [engine] pause in try await engine.redis.eventLoop.sleep(for: pause * engine.renewals.spread()) },
            attempt: { try await self.tryAcquire(name, ttl: ttl) })
    }
}
