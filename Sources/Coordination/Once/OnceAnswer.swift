import RedisCore

/// What the claim script says.
enum OnceAnswer: Sendable, Equatable {
    case first(fence: Int64, takenOver: Bool)
    case inProgress(owner: String, left: Duration, fence: Int64)
    case done([UInt8]?)
    case failed(owner: String, error: String)
    /// Claimed for something else.
    case mismatch

    /// nil when the record was not written by this module.
    init?(_ reply: [RedisValue]) {
        switch (reply.first, reply.count) {
        case (.integer(1), 3):
            guard case .integer(let fence) = reply[1], case .integer(let taken) = reply[2] else { return nil }
            self = .first(fence: fence, takenOver: taken == 1)
        case (.integer(0), 4):
            guard case .bytes(let owner) = reply[1], case .integer(let left) = reply[2],
                case .integer(let fence) = reply[3]
            else { return nil }
            self = .inProgress(
                owner: String(decoding: owner, as: UTF8.self), left: .milliseconds(left), fence: fence)
        case (.integer(2), 2):
            guard case .bytes(let json) = reply[1] else {
                self = .done(nil)
                return
            }
            self = .done(json)
        case (.integer(3), 3):
            guard case .bytes(let owner) = reply[1], case .bytes(let error) = reply[2] else { return nil }
            self = .failed(owner: String(decoding: owner, as: UTF8.self), error: String(decoding: error, as: UTF8.self))
        case (.integer(4), 1): self = .mismatch
        default: return nil
        }
    }
}
