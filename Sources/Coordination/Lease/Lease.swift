import RedisCore
import Synchronization

/// A lock or a task held for a limited time, renewed in the background while this object lives.
///
/// A lease can always be lost: Redis may be away, restarted or failed over, and this process may be paused for longer
/// than the time to live. ``isTrusted`` answers without a round trip whether it may still be relied on; code that
/// writes to something that is not Redis passes ``fencingToken`` along and lets that thing refuse smaller numbers.
///
/// Release it. A lease that is dropped is no longer renewed and ends with its time to live.
public final class Lease: Sendable {
    /// How long a release tries, whatever happened to its caller.
    static let releaseBudget = Duration.seconds(2)

    let core: LeaseCore
    /// False once this handle was released.
    private let isOpen = Atomic(true)

    /// Larger than that of every earlier holder of the same name, by at least one.
    ///
    /// Drawn as the larger of the last one plus one and the server's clock in µs, so it still grows after FLUSHALL, a
    /// restored backup or a failover, up to the skew between servers' clocks.
    public let fencingToken: Int64

    init(_ core: LeaseCore, fencingToken: Int64) {
        self.core = core
        self.fencingToken = fencingToken
    }

    deinit { if isOpen.load(ordering: .relaxed) { core.handleDropped() } }

    /// The name it was acquired under.
    public var name: String { core.name }

    /// The Redis key that stands for it.
    public var key: String { core.key.name }

    /// Until when it may be relied on without asking Redis, as of the last renewal.
    ///
    /// Counted from before the request was sent, less 1 % and 2 ms, on a clock that goes on while the machine sleeps.
    public var trustedUntil: ContinuousClock.Instant { core.trustedUntil.instant }

    /// True while it is held, not lost, and ``trustedUntil`` is ahead; costs no round trip.
    public var isTrusted: Bool { isOpen.load(ordering: .acquiring) && core.isTrusted() }

    /// Why it was lost; nil while it was not.
    public var loss: LeaseLoss? { core.loss }

    /// Throws unless the lease can be relied on now; costs no round trip.
    ///
    /// - Throws: `lockLost` when it was lost or cannot be trusted any more, `lockNotHeld` after a release.
    public func checkValid() throws(CoordinationError) {
        if isTrusted { return }
        if let loss = core.loss { throw core.lostError("checkValid", loss) }
        throw core.notHeld("checkValid")
    }

    /// Sets the time to live to `ttl` from now, also for later renewals; one round trip.
    ///
    /// After an error other than the two below it is unknown whether the time was changed; the lease goes on being
    /// renewed and its trust counts the shorter of the two.
    ///
    /// - Parameter ttl: 1 ms to ten years.
    /// - Throws: `lockLost` when it had ended, `lockNotHeld` after a release, `unavailable`, `invalidArgument`;
    ///   `CancellationError`.
    public func extend(by ttl: Duration) async throws {
        let ttl = try LeaseTime(ttl, "the time to live", operation: "extend")
        guard isOpen.load(ordering: .acquiring) else { throw core.notHeld("extend") }
        try await core.extend(to: ttl)
    }

    /// Asks Redis whether this lease still holds the name; one round trip.
    ///
    /// A "no" makes the lease lost.
    public func isHeld() async throws -> Bool {
        guard isOpen.load(ordering: .acquiring) else { return false }
        return try await core.isHeld()
    }

    /// Gives the lease back and wakes the next waiter; one round trip.
    ///
    /// Safe to call again.
    ///
    /// It goes on for at most 2 s even when the caller is cancelled. When the reply is lost it is repeated, with the
    /// same answer as if it had not been. Renewal ends before the request is sent.
    ///
    /// - Returns: what was found: ours, nobody's, or somebody else's. Only the first changes anything in Redis; a
    ///   handle that is not the last one sends nothing (`retained`).
    /// - Throws: `unavailable` when Redis did not answer; the key then ends with its time to live, or call again.
    @discardableResult
    public func release() async throws -> ReleaseOutcome {
        let isLast =
            isOpen.exchange(false, ordering: .acquiringAndReleasing) ? core.closeHandle() : core.openHandles == 0
        guard isLast else { return .retained }
        return try await core.release()
    }

    /// Returns when the lease is lost, with the reason; nil when it was released, or when the waiting task is
    /// cancelled.
    public func waitUntilLost() async -> LeaseLoss? { await LossWait(core).value() }

    /// Runs a closure once, in a task of its own, when the lease is lost; at once when it has been.
    public func onLost(_ handler: @escaping @Sendable (LeaseLoss) async -> Void) {
        _ = core.listen { reason in
            guard let reason else { return }
            // A user's code never runs on the loop's thread, where this is called.
            Task { await handler(reason) }
        }
    }
}
