extension Lease {
    /// Makes a writer a reader in one step; one round trip.
    ///
    /// The lease stays the same, with its fencing token and its renewal: nobody can write in between, and others may
    /// read from now on unless a writer waits. A lease that reads already is left as it is. When the reply is lost the
    /// request is repeated; if that fails too it is unknown which of the two the lease is, and its renewal and release
    /// work for both.
    ///
    /// - Throws: `lockLost` when it had ended, `lockNotHeld` after a release, `invalidArgument` for a lease that is not
    ///   one of ``ReadWriteLocks``, `unavailable`; `CancellationError`.
    public func downgrade() async throws {
        guard core.kind === LeaseKind.readWrite else {
            throw CoordinationError(
                .invalidArgument, operation: "downgrade", key: key,
                message: "the \(core.kind.noun) \(name) has no readers; only leases of ReadWriteLocks can be downgraded"
            )
        }
        try checkValid()
        try await core.change(ReadWriteScripts.downgrade, operation: "downgrade")
    }

    /// Refused: two readers that waited to write would wait for each other for ever.
    @available(
        *, unavailable,
        message: "release the read lease and ask to write; whoever writes in between is seen by the fencing token"
    )
    public func upgrade() async throws {}
}
