import RedisCore

/// The keys of one read-write lock, all in the slot of its name.
struct ReadWriteKeys: Sendable {
    /// Who writes, until when, and the server's time seen last.
    let state: String
    /// The readers by the end of their leases.
    let readers: String
    /// The writers that wait, by the end of their leases.
    let writers: String
    let fence: String

    /// The order in which every script gets them.
    var all: [RedisKey] { [RedisKey(state), RedisKey(readers), RedisKey(writers), RedisKey(fence)] }
}

extension CoordinationKeys {
    /// The keys of the read-write lock with a name.
    func readWrite(_ name: String) throws(CoordinationError) -> ReadWriteKeys {
        try Self.check(name, "a lock's name")
        let state = "\(prefix)rw:{\(Self.escaped(name))}"
        return ReadWriteKeys(
            state: state, readers: state + ":readers", writers: state + ":writers", fence: state + ":fence")
    }
}
