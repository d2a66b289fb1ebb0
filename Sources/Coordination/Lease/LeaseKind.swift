import RedisCore

/// Which scripts keep a lease: those of a lock or those of a guarded task.
///
/// A class, so that a lease holds one reference and not a dozen strings.
final class LeaseKind: Sendable {
    /// For errors and logs.
    let noun: String
    let renew: RedisScript
    let release: ShortScript
    let check: RedisScript

    private init(noun: String, renew: RedisScript, release: RedisScript, check: RedisScript) {
        self.noun = noun
        self.renew = renew
        self.release = ShortScript(release, keyCount: 1, numberCount: 0)
        self.check = check
    }

    static let lock = LeaseKind(
        noun: "lock", renew: LockScripts.renew, release: LockScripts.release, check: LockScripts.check)
    static let task = LeaseKind(
        noun: "task", renew: OnceScripts.renew, release: OnceScripts.release, check: OnceScripts.check)
}

extension LeaseStateMachine.Answer {
    /// Reads the 1, 0 or −1 that every script about a token returns.
    init(_ reply: Int64) {
        self = reply == 1 ? .mine : reply == 0 ? .absent : .other
    }

    /// Reads one reply of a batch.
    ///
    /// A key of another type is somebody else's; any other error says nothing.
    init?(_ result: Result<RedisValue, RedisError>) {
        switch result {
        case .success(.integer(let reply)): self.init(reply)
        case .failure(let error) where error.code == .wrongType: self = .other
        default: return nil
        }
    }
}
