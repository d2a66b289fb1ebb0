import Metrics
import RedisCore

/// The claiming half of `once`: claims, and waits for the owner when asked to.
struct OnceWait: Sendable {
    private let request: OnceRequest
    private let followers: TaskCoordinator.Followers
    private let begun = Moment.now

    init(_ request: OnceRequest, _ followers: TaskCoordinator.Followers) throws(CoordinationError) {
        if case .wait(let limit?) = followers, limit < .zero {
            throw CoordinationError(
                .invalidArgument, operation: "once", key: request.key,
                message: "the wait is \(limit); it must not be negative")
        }
        self.request = request
        self.followers = followers
    }

    /// Claims; with followers that wait, once more at each end of an owner.
    func claim() async throws -> OnceRequest.Claim {
        let claim = try await request.claim()
        guard case .wait(let limit) = followers, case .inProgress(let owner, _, let fence) = claim else { return claim }
        let deadline = limit.map { begun + $0 }
        let room = request.engine.waits
        var followed = fence
        let found = try await room.wait(on: request.wakeChannel, until: deadline) {
            () async throws -> WaitRoom.Verdict<OnceRequest.Claim> in
            let claim = try await request.claim(following: followed)
            switch claim {
            case .first: return .granted(claim, holdsFor: request.lease.duration)
            case .done, .failed, .mismatch: return .settled(claim)
            case .inProgress(_, let left, let fence):
                followed = fence
                return .denied(left: left)
            }
        }
        guard let found else { throw request.stillInProgress(owner: owner) }
        return found
    }
}
