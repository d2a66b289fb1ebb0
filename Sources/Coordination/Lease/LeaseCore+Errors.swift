import RedisCore

/// What a holder is told when its lease is not, or no longer, its own.
extension LeaseCore {
    func notHeld(_ operation: String) -> CoordinationError {
        CoordinationError(
            .lockNotHeld, operation: operation, key: key.name,
            message: "the \(kind.noun) \(name) was released before; acquire it again")
    }

    func lostError(_ operation: String, _ reason: LeaseLoss, underlying: (any Error)? = nil) -> CoordinationError {
        let why =
            switch reason {
            case .expired: "its key is gone from Redis"
            case .takenOver: "somebody else holds it"
            case .unconfirmed: "it could not be renewed in time"
            case .maxHold: "it was held as long as maxHold permits"
            }
        return CoordinationError(
            .lockLost, operation: operation, key: key.name,
            message: "the \(kind.noun) \(name) was lost: \(why); undo or fence what was done under it",
            underlying: underlying)
    }
}
