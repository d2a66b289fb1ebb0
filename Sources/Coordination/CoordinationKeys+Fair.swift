import RedisCore

/// The keys of one fair lock, all in the slot of its name.
struct FairKeys: Sendable {
    /// The holder's token.
    let lock: String
    let fence: String
    /// The waiters by ticket.
    let queue: String
    /// The waiters by the end of their leases.
    let waiters: String

    /// The order in which every script gets them.
    var all: [RedisKey] { [RedisKey(lock), RedisKey(fence), RedisKey(queue), RedisKey(waiters)] }
}

extension CoordinationKeys {
    /// The keys of the fair lock with a name.
    func fair(_ name: String) throws(CoordinationError) -> FairKeys {
        try Self.check(name, "a lock's name")
        let lock = "\(prefix)fair:{\(Self.escaped(name))}"
        return FairKeys(lock: lock, fence: lock + ":fence", queue: lock + ":queue", waiters: lock + ":waiters")
    }

    /// Where one waiter of a fair lock is told that it is its turn; `FairScripts` makes the same name.
    func turnChannel(_ lock: String, _ waiter: Token) -> String { "\(lock)\(wakeSuffix):\(waiter.text)" }
}
