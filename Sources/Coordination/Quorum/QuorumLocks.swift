public import RedisCore

/// Locks on several **independent** Redis servers, held by a majority of them (the algorithm known as Redlock).
///
/// ```swift
/// let locks = try QuorumLocks([one, two, three])
/// try await locks.withLock("payment:7", ttl: .seconds(30), wait: .seconds(5)) { lease in … }
/// ```
///
/// **What it gives**: no single server is needed. With N servers the lock can be had and kept while N/2 + 1 answer, and
/// a server that fails over, or is restored from an old backup, cannot alone give it to a second holder.
///
/// **What it does not give**: more than a lease. A holder that is paused, or whose write is delayed, acts after its
/// lease has ended as with one server (Kleppmann, *How to do distributed locking*, 2016); the trust deadline bounds
/// delays up to the grant, not after it, and all of it assumes that no clock jumps (antirez.com/news/101). Whatever
/// must not happen twice checks the fencing token. A server that restarts **without having every write on disk**
/// forgets its vote: keep it away for the longest time to live, or run it with `appendfsync always`. For most uses one
/// server with ``Locks/Replicas`` is simpler and as good.
///
/// **Fencing tokens** grow from holder to holder: the largest of the servers' own is given out after a majority has
/// noted it. A server that lost its memory goes on from its clock, so after a majority did, they grow up to the skew of
/// the clocks.
///
/// The same token is asked for at all servers at once, each within 5 % of the time to live (50 ms at least), and trust
/// counts from before the first request, less 1 % and 2 ms. Without a majority everything is given back. Renewal and
/// ``Lease/extend(by:)`` need a majority that still has the key, and never make it anew. Waiting is asking again after
/// a random pause: there is no order among waiters. Cost: two round trips to every server for a free lock, one for a
/// renewal, one for a release.
public final class QuorumLocks: Sendable {
    /// A waiter asks again after a pause of this much, drawn anew each time so that two that split the votes part.
    private static let pause: ClosedRange<Int64> = 20...150

    let engines: [CoordinationEngine]
    let renewal: Locks.Renewal

    /// Locks on several servers; nothing is sent.
    ///
    /// - Parameters:
    ///   - nodes: One client for each server, at least 3; every process has to name the same servers. An odd number is
    ///     best: 4 survive the loss of one, like 3.
    ///   - renewal: Whether held leases are renewed.
    /// - Throws: `invalidArgument` for fewer than 3 or a client that is named twice.
    public init(_ nodes: [RedisClient], renewal: Locks.Renewal = .automatic(maxHold: nil)) throws(CoordinationError) {
        guard nodes.count >= 3, Set(nodes.map { ObjectIdentifier($0) }).count == nodes.count else {
            throw CoordinationError(
                .invalidArgument, operation: "quorum",
                message: "\(nodes.count) clients were given; give at least 3, each of another server")
        }
        engines = nodes.map { CoordinationEngine.of($0) }
        self.renewal = renewal
    }

    /// Takes the lock if a majority of the servers grants it.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    /// - Returns: the lease, or nil when somebody else holds the lock at so many servers that no majority is left.
    /// - Throws: `unavailable` when too few servers answered, or too late; `invalidArgument`; `CancellationError`.
    public func tryAcquire(_ name: String, ttl: Duration = .seconds(30)) async throws -> Lease? {
        let request = try QuorumRequest(self, name, ttl: ttl)
        switch try await request.attempt() {
        case .granted(let lease): return lease
        case .held: return nil
        case .tooLate: throw request.tooLate()
        }
    }

    /// Takes the lock, asking again after a random pause of 20 to 150 ms while it is held or too few servers answer.
    ///
    /// - Parameters:
    ///   - name: 1 to 1,024 bytes.
    ///   - ttl: 1 ms to ten years; how long the lock outlives a holder that died.
    ///   - wait: The longest time to wait; nil waits until cancelled, zero does not wait.
    /// - Throws: `lockNotAcquired` when the wait is over, `unavailable` when too few servers answered by then,
    ///   `invalidArgument`; `CancellationError`, after which no lock is held.
    public func acquire(_ name: String, ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease {
        let request = try QuorumRequest(self, name, ttl: ttl)
        let begun = Moment.now
        while true {
            var failure: any Error = request.notAcquired(after: wait ?? .zero)
            do {
                switch try await request.attempt() {
                case .granted(let lease): return lease
                case .held: break
                case .tooLate: failure = request.tooLate()
                }
            } catch let error as CoordinationError where error.code == .unavailable {
                failure = error
            }
            let pause = Duration.milliseconds(Int64.random(in: Self.pause))
            if let wait, .now - begun + pause >= wait { throw failure }
            do { try await request.engine.redis.eventLoop.sleep(for: pause) } catch { throw CancellationError() }
        }
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
