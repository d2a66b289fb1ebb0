import Logging
import Synchronization

extension Lease {
    /// A further handle of the same lease, for code that wants to hold the lock for as long as it needs itself; nothing
    /// is sent.
    ///
    /// This is how a lock is entered again: by passing the lease on, never because the same task or thread asks. The
    /// lock is released when the last handle is; each handle is released once. A loss reaches all of them.
    ///
    /// - Throws: `lockNotHeld` when this handle was released, `lockLost` when the lease was lost or cannot be trusted.
    public func retain() throws(CoordinationError) -> Lease {
        try checkValid()
        guard core.inner.withLock({ $0.handles.retain() }) else { throw core.notHeld("retain") }
        return Lease(core, fencingToken: fencingToken)
    }

    /// Runs `body` with a further handle, and releases that one whatever happens; see ``retain()``.
    ///
    /// The body may outlive the release of every other handle: the lock stays held until it ends. As in
    /// ``Locks/withLock(_:ttl:wait:_:)`` the body is cancelled when the lease is lost, which throws `lockLost`.
    public func nested<T: Sendable>(_ body: @escaping @Sendable (Lease) async throws -> T) async throws -> T {
        try await HeldBody(retain(), operation: "nested", subject: "lock").run(body)
    }
}

extension LeaseCore {
    /// How many handles were neither released nor dropped.
    var openHandles: Int { inner.withLock { $0.handles.open } }

    /// A handle was given back; true when it was the last one.
    func closeHandle() -> Bool { inner.withLock { $0.handles.close() } }

    /// A handle went away without being given back.
    func handleDropped() {
        guard closeHandle() else {
            return engine.logger.warning(
                "a nested handle was dropped without being released; the lease lives on in the others",
                metadata: ["\(kind.noun)": "\(name)"])
        }
        dropped()
    }
}
