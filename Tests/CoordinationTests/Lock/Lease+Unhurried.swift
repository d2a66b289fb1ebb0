import TestSupport
import Testing

@testable import Coordination

extension Lease {
    /// Lets its client renew now all that it holds, as after a reconnect.
    ///
    /// So what is to be renewed may live longer than any pause of the machine, and nobody waits for a third of that.
    func renewNow() { core.engine.renewals.hurry() }

    /// Lets its client renew until that tells that the lease is lost, and why.
    ///
    /// A renewal that was under way already may be answered as things were before.
    func lossByRenewal() async throws -> LeaseLoss? {
        try await eventually("the lease is lost") {
            renewNow()
            return loss != nil
        }
        return loss
    }

    /// As `release`, and again while nobody answers.
    ///
    /// One release tries for two seconds, connecting included; a machine that stands still may need longer.
    @discardableResult
    func releaseInsisting() async throws -> ReleaseOutcome {
        for _ in 0..<10 {
            do {
                return try await release()
            } catch let error as CoordinationError where error.code == .unavailable {}
        }
        return try await release()
    }
}

/// Checks that a short wait ends because somebody else holds the key.
///
/// On a machine that stands still the wait may be over before the server has said so once, which is another error: it
/// is asked again then.
func expectStillHeld(
    _ key: String, isolation: isolated (any Actor)? = #isolation, _ wait: () async throws -> Lease
) async throws {
    try await eventually("the wait for \(key) ends because it is held") {
        do {
            try await wait().release()
            fail("\(key) was granted")
            return true
        } catch let error as CoordinationError {
            return error.code == .lockNotAcquired && error.key == key
        }
    }
}
