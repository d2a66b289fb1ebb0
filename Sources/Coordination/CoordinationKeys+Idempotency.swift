extension CoordinationKeys {
    /// The record of one idempotency key.
    func idempotency(_ key: String) throws(CoordinationError) -> String {
        try Self.check(key, "an idempotency key")
        return "\(prefix)idem:{\(Self.escaped(key))}"
    }
}
