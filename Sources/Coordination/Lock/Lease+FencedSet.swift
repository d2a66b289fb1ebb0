public import RedisCore

extension Lease {
    /// Writes a string key in Redis unless somebody with a larger fencing token has written it before; one round trip.
    ///
    /// This is what makes a paused holder harmless: it wakes up after its lease was lost, and its write is refused.
    /// The token seen last is kept in a key beside the resource (`{resource}:guard`, 30 days from the last write), so
    /// all writers of that key must use this method. For something that is not Redis, do the same there: `UPDATE … SET
    /// …, fence = :fence WHERE id = :id AND fence <= :fence`.
    ///
    /// - Parameters:
    ///   - value: What to write.
    ///   - resource: The key; its hash tag, if any, must be well formed.
    ///   - expiry: The value's own time to live, 1 ms to ten years; nil for none.
    /// - Returns: false when the write was refused.
    /// - Throws: `unavailable` when Redis gave no verdict, `invalidArgument`; `CancellationError`.
    public func fencedSet(
        _ value: some RedisArgument, to resource: RedisKey, expiry: Duration? = nil
    ) async throws -> Bool {
        let guardKey = try CoordinationKeys.guardKey(of: resource.name)
        var milliseconds: Int64 = 0
        if let expiry { milliseconds = try LeaseTime(expiry, "the expiry", operation: "fencedSet").milliseconds }
        do {
            return try await core.engine.redis.evaluate(
                LockScripts.fencedSet, keys: [resource, RedisKey(guardKey)],
                arguments: [fencingToken, value, milliseconds, LifeOfKeys.fence], as: Int.self) == 1
        } catch {
            throw CoordinationError.from(error, operation: "fencedSet", key: resource.name)
        }
    }
}
