import RedisCore

extension Locks {
    /// Takes several locks if all of them are free; one round trip, all or nothing.
    ///
    /// The names are those of single locks: who holds one of them keeps this out, and the other way round. One lease
    /// stands for all; when one lock is lost the lease is, and the others are given back by the renewal that finds it.
    /// Needs one server: the keys lie in different cluster slots.
    ///
    /// - Parameters:
    ///   - names: 1 to 100 different names; their order means nothing.
    ///   - ttl: 1 ms to ten years; how long the locks outlive a holder that died.
    /// - Returns: the lease, whose token is larger than that of every earlier holder of any of them; nil when somebody
    ///   else holds one.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func tryAcquire(all names: [String], ttl: Duration = .seconds(30)) async throws -> Lease? {
        let request = try MultiLockRequest(self, names, ttl: ttl)
        do {
            switch try await request.attempt(timeout: nil) {
            case .granted(let lease): return lease
            case .held: return nil
            case .tooLate: throw request.tooLate()
            }
        } catch let error as RedisError {
            throw request.unanswered(error)
        }
    }

    /// Takes several locks, waiting until all of them are free at once.
    ///
    /// Nothing is held while waiting, so there is no deadlock whatever the order of names; who wants many busy locks
    /// may wait for as long as others want them singly. Parameters as for ``tryAcquire(all:ttl:)``, waiting and errors
    /// as for ``acquire(_:ttl:wait:)``.
    public func acquire(all names: [String], ttl: Duration = .seconds(30), wait: Duration? = nil) async throws -> Lease
    {
        try await MultiLockWait(MultiLockRequest(self, names, ttl: ttl), wait: wait).lease()
    }

    /// Runs `body` while holding several locks, and releases them whatever happens; as ``withLock(_:ttl:wait:_:)``.
    public func withLocks<T: Sendable>(
        _ names: [String], ttl: Duration = .seconds(30), wait: Duration? = nil,
        _ body: @escaping @Sendable (Lease) async throws -> T
    ) async throws -> T {
        let lease = try await acquire(all: names, ttl: ttl, wait: wait)
        return try await HeldBody(lease, operation: "withLocks", subject: "lock").run(body)
    }
}
