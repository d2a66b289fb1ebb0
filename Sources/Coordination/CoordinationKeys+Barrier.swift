extension CoordinationKeys {
    /// The record of one count-down latch.
    func latch(_ name: String) throws(CoordinationError) -> String {
        try Self.check(name, "a latch's name")
        return "\(prefix)latch:{\(Self.escaped(name))}"
    }

    /// The record of one barrier.
    func barrier(_ name: String) throws(CoordinationError) -> String {
        try Self.check(name, "a barrier's name")
        return "\(prefix)barrier:{\(Self.escaped(name))}"
    }
}
