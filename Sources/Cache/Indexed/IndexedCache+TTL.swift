import RedisCore

extension IndexedCache {
    /// How long an item still lives; no number stands for "missing" or "never".
    ///
    /// One round trip. Throws `unavailable`, `invalidArgument`; `CancellationError`.
    public func getTTL(_ key: String) async throws -> CacheTTLState {
        try await observed("getTTL", { $0 == .missing ? .miss : .hit }) {
            let item = keys.item(try name(key, "getTTL"))
            return CacheTTLState(
                milliseconds: try await engine.call("getTTL", key: item.name) { redis throws(RedisError) in
                    try await redis.command(RedisCommand("PTTL", item), as: Int64.self, timeout: options.timeout)
                })
        }
    }

    /// Lets an item end after a time from now, or never; false when there is none.
    ///
    /// One round trip, safe to repeat. The item's place in its indexes moves with it.
    ///
    /// - Throws: `unavailable`, `invalidArgument`; `CancellationError`.
    @discardableResult
    public func setTTL(_ key: String, _ ttl: CacheTTL) async throws -> Bool {
        try await observed("setTTL", Self.hitOrMiss) {
            let name = try name(key, "setTTL")
            let life = try life(ttl, "setTTL")
            return try await evaluate(IndexedScripts.setTTL, name, [life], "setTTL")
        }
    }

    /// Adds to a counter and returns what it is then; a new one begins at zero.
    ///
    /// One round trip. The time to live is for a counter that is new: adding to it does not prolong it. Counters are
    /// items without indexes; they are read by ``get(_:as:)`` as `Int64`.
    ///
    /// - Parameters:
    ///   - amount: What to add; negative to subtract.
    ///   - ttl: How long a new counter lives.
    /// - Throws: `wrongType` when there is something else under the key, or the sum is beyond 64 bits. `unavailable`:
    ///   not repeated when its reply is lost, so it may have been added. `invalidArgument`; `CancellationError`.
    @discardableResult
    public func increment(_ key: String, by amount: Int64 = 1, ttl: CacheTTL = .default) async throws -> Int64 {
        try await observed("increment") {
            let name = try name(key, "increment")
            let life = try life(ttl, "increment")
            return try await evaluate(IndexedScripts.increment, name, [life, amount], "increment")
        }
    }
}
