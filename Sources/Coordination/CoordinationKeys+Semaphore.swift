/// The keys of one semaphore, all in the slot of its name.
struct SemaphoreKeys: Sendable {
    /// Sorted set: who has a permit, and until when.
    let holders: String
    /// Hash: the last fence, the limit, the longest lease, the last ticket.
    let info: String
    /// Sorted set, fair ones only: who waits, by ticket.
    let queue: String
    /// Sorted set, fair ones only: who waits, and until when its place is kept.
    let waiters: String
}

extension CoordinationKeys {
    func semaphore(_ name: String) throws(CoordinationError) -> SemaphoreKeys {
        try Self.check(name, "a semaphore's name")
        let key = "\(prefix)sem:{\(Self.escaped(name))}"
        return SemaphoreKeys(holders: key, info: key + ":info", queue: key + ":queue", waiters: key + ":waiters")
    }
}
