import RedisCore

/// Which scripts keep a lease: those of a lock, of a guarded task, and so on; each kind is one static value.
///
/// All three scripts get the lease's keys and return 1 for "this token's", 0 for "nobody's" and −1 for "another's":
///
/// | script | ARGV |
/// |---|---|
/// | `renew` | token, time to live (ms), the lease's further arguments |
/// | `release` | token, what a wake channel adds to its key |
/// | `check` | token, the lease's further arguments |
///
/// Leases of one key may have a `renewMany` besides: KEYS are the keys of many leases, ARGV token and time to live of
/// each in turn, and it returns their answers in that order, so that a hundred renewals are one call.
///
/// A class, so that a lease holds one reference and not a dozen strings.
final class LeaseKind: Sendable {
    /// For errors and logs.
    let noun: String
    let renew: RedisScript
    let release: RedisScript
    let check: RedisScript
    /// An administrator may take such a lease away, and announces it on the audit channel.
    var canBeForced: Bool { self === Self.lock || self === Self.locks }
    /// `renew` for many leases at once; nil when each needs a call of its own.
    let renewMany: RedisScript?
    /// `release` for leases of a single key, with the constant part of its command encoded.
    let shortRelease: TokenScript

    init(
        noun: String, renew: RedisScript, release: RedisScript, check: RedisScript, renewMany: RedisScript? = nil
    ) {
        self.noun = noun
        self.renew = renew
        self.release = release
        self.check = check
        self.renewMany = renewMany
        shortRelease = TokenScript(release, hasSibling: false, hasText: true, numberCount: 0)
    }

    static let lock = LeaseKind(
        noun: "lock", renew: LockScripts.renew, release: LockScripts.release, check: LockScripts.check,
        renewMany: LockScripts.renewMany)
    static let task = LeaseKind(
        noun: "task", renew: OnceScripts.renew, release: OnceScripts.release, check: OnceScripts.check)
}

extension LeaseStateMachine.Answer {
    /// Reads the 1, 0 or −1 that every script about a token returns.
    init(_ reply: Int64) {
        self = reply == 1 ? .mine : reply == 0 ? .absent : .other
    }

    /// Reads one element of the array that a script about many tokens returns.
    init?(_ reply: RedisValue) {
        guard case .integer(let answer) = reply else { return nil }
        self.init(answer)
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
