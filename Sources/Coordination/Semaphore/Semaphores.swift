public import RedisCore

/// Counting semaphores by name: at most `limit` permits are out in the fleet at a time, each for a limited time.
///
/// ```swift
/// try await Semaphores(redis).withPermit("thumbnails", limit: 4, ttl: .seconds(30)) { lease in
///     try await render(fence: lease.fencingToken)
/// }
/// ```
///
/// Each permit is a lease on the server's clock, renewed while it is held, and comes back by itself when its holder
/// dies: nothing counts up or down, the permits taken are the entries of one sorted set. What holds of a ``Lease`` of a
/// lock holds of a permit; more holders than permits are possible only while one of them cannot trust its lease any
/// more, or after the server lost its data.
///
/// A **fair** semaphore serves in order of arrival across processes; otherwise the order holds within a process only,
/// and a request for many permits may starve while others take single ones. All callers of one name should agree on it:
/// those who do not ask fairly do not see the queue.
///
/// Source of the algorithm: a sorted set of leases as in Redis in Action §6.3, with the clock and the decision on the
/// server.
public final class Semaphores: Sendable {
    /// The most permits a semaphore can have.
    public static let mostPermits = 100_000

    let engine: CoordinationEngine
    let keys: CoordinationKeys
    let isFair: Bool
    let renewal: Locks.Renewal

    /// Semaphores on one server; nothing is sent.
    ///
    /// - Parameters:
    ///   - redis: The client to use; it must stay open while permits are held.
    ///   - fair: Whether waiters are served in order of arrival across processes.
    ///   - renewal: Whether held permits are renewed.
    public init(_ redis: RedisClient, fair: Bool = false, renewal: Locks.Renewal = .automatic(maxHold: nil)) {
        engine = CoordinationEngine.of(redis)
        keys = CoordinationKeys(redis.configuration, naming: .standard)
        isFair = fair
        self.renewal = renewal
    }

    /// Takes permits if there are enough; one round trip.
    ///
    /// With a fair semaphore it overtakes nobody: nil while others wait. When the reply is lost the request is repeated
    /// and takes no more.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - limit: How many permits there are, 1 to 100,000. It is not stored but as a hint: when callers differ, each
    ///     is obeyed for itself, and the difference is logged and counted.
    ///   - permits: How many of them to take, all or none.
    ///   - ttl: 1 ms to ten years; how long a permit outlives a holder that died.
    /// - Returns: the lease, or nil when there are not enough.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func tryAcquire(
        _ name: String, limit: Int, permits: Int = 1, ttl: Duration = .seconds(30)
    ) async throws -> Lease? {
        try await PermitRequest(self, name, limit: limit, permits: permits, ttl: ttl, waits: false).tryLease()
    }

    /// Takes permits, waiting for them when there are not enough; one round trip when there are.
    ///
    /// Waiting is not polling: a release wakes the first waiter of each process, of a fair semaphore the first of all.
    /// The end of other leases, and 5 s in any case, are timers. A waiter of a fair semaphore that dies keeps its place
    /// for at most 15 s.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - limit: How many permits there are, 1 to 100,000.
    ///   - permits: How many of them to take, all or none.
    ///   - ttl: 1 ms to ten years; how long a permit outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Throws: `lockNotAcquired` when the wait is over, `unavailable` when Redis gave no verdict, `invalidArgument`;
    ///   `CancellationError`, after which no permit is held.
    public func acquire(
        _ name: String, limit: Int, permits: Int = 1, ttl: Duration = .seconds(30), wait: Duration? = nil
    ) async throws -> Lease {
        let request = try PermitRequest(
            self, name, limit: limit, permits: permits, ttl: ttl, waits: wait != .zero)
        let waiting = try LeaseWait(request, wait: wait)
        do {
            return try await waiting.lease()
        } catch {
            await request.leaveQueue()
            throw error
        }
    }

    /// Runs `body` while holding permits, and gives them back whatever happens.
    ///
    /// The body runs in a task of its own, which is cancelled when the lease is lost or the caller is cancelled; this
    /// call returns only after the body did.
    ///
    /// - Throws: what the body throws; `lockLost` when the lease ended while the body ran, with the body's error
    ///   beneath; what ``acquire(_:limit:permits:ttl:wait:)`` throws.
    public func withPermit<T: Sendable>(
        _ name: String, limit: Int, permits: Int = 1, ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await acquire(name, limit: limit, permits: permits, ttl: ttl, wait: wait)
        return try await HeldBody(lease, operation: "withPermit", subject: "semaphore").run(body)
    }

    /// What is out and who waits, as of now; one round trip.
    ///
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func inspect(_ name: String) async throws -> SemaphoreState {
        let keys = try self.keys.semaphore(name)
        let channel = keys.holders + self.keys.wakeSuffix
        do {
            async let listening = engine.redis.command(
                RedisCommand("PUBSUB", "NUMSUB", channel), as: [RedisValue].self, on: .control)
            let numbers: [Int] = try await engine.redis.evaluate(
                SemaphoreScripts.inspect, keys: [RedisKey(keys.holders), RedisKey(keys.info), RedisKey(keys.waiters)],
                on: .control)
            var processes = 0
            if case .integer(let count) = try await listening.last { processes = Int(count) }
            return SemaphoreState(numbers, waitingProcesses: processes)
        } catch let error as RedisError {
            throw CoordinationError.from(error, operation: "inspect", key: keys.holders)
        }
    }
}
