/// Runs a user's closure under a lease: in a task of its own that is cancelled when the lease is lost or the caller is
/// cancelled, and that has ended when this returns.
enum GuardedBody {
    /// A group's child cannot be cancelled from outside the group without a pool thread to run the group, which a body
    /// that burns every core would not leave; a task handle can be cancelled straight from the loop.
    static func run<T: Sendable>(
        _ lease: Lease, _ body: @escaping @Sendable (Lease) async throws -> T
    ) async -> Result<T, any Error> {
        let task = Task { try await body(lease) }
        let listener = lease.core.listen { reason in if reason != nil { task.cancel() } }
        let result = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            task.cancel()
        }
        if let listener { lease.core.unlisten(listener) }
        return result
    }
}
