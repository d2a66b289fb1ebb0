import Logging
import RedisCore
import Tracing

/// A user's closure from its lease's grant to its release: what every `with…` of this module does.
struct HeldBody: Sendable {
    private let lease: Lease
    private let operation: String
    /// What the span and its attribute are called after: `lock` gives `lock.hold` with `lock.key`.
    private let subject: String

    init(_ lease: Lease, operation: String, subject: String) {
        self.lease = lease
        self.operation = operation
        self.subject = subject
    }

    /// Runs the closure and releases whatever happens.
    ///
    /// A failing release is logged and does not replace the closure's result: the key ends with its time to live.
    func run<T: Sendable>(_ body: @escaping @Sendable (Lease) async throws -> T) async throws -> T {
        let result = await withSpan("\(subject).hold", ofKind: .internal) { span -> Result<T, any Error> in
            span.attributes["\(subject).key"] = lease.key
            // The caller may have been scheduled late: a lease that ended meanwhile protects nothing.
            guard lease.isTrusted else { return .failure(CancellationError()) }
            return await GuardedBody.run(lease, body)
        }
        let trusted = lease.isTrusted
        let loss = lease.loss
        let trustedUntil = lease.core.trustedUntil
        var released: ReleaseOutcome?
        do {
            released = try await lease.release()
        } catch {
            lease.core.engine.logger.warning(
                "a lease was not released; it ends with its time to live",
                metadata: ["\(lease.core.kind.noun)": "\(lease.name)", "error": "\(error)"])
        }
        switch released {
        case .released, .retained, nil: if trusted { return try result.get() }
        // A release that reached the server after the lease's time finds it gone by itself: it was held for all of the
        // body. Found gone before that time, somebody has taken it.
        case .expired, .notOwner: if trusted, Moment.now >= trustedUntil { return try result.get() }
        }
        let reason = loss ?? (released == .notOwner ? .takenOver : .expired)
        throw lease.core.lostError(operation, reason, underlying: result.failure)
    }
}

extension Result {
    /// The error, when it is one.
    var failure: (any Error)? { if case .failure(let error) = self { error } else { nil } }
}
