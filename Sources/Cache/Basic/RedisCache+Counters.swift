import RedisCore

extension RedisCache {
    /// Adds to a whole number and gives the sum; a key without a value counts as 0.
    ///
    /// One round trip. The time to live is set by the script that creates the key, and by no later call: a counter can
    /// neither live for ever by accident nor be kept alive by being counted. Counters are plain numbers in Redis, which
    /// ``get(_:as:tags:)`` reads too; `clear()` leaves them, ``flush()`` deletes them.
    ///
    /// - Throws: `wrongType` when the key holds something that is no whole number or the sum leaves 64 bits,
    ///   `unavailable`, also when a reply was lost: the number may have been added, and adding is never repeated.
    @discardableResult
    public func increment(_ key: String, by amount: Int = 1, ttl: CacheTTL = .default) async throws -> Int {
        try await add(amount, to: key, ttl, CounterScripts.increment, "increment")
    }

    /// Subtracts from a whole number and gives the difference.
    ///
    /// As ``increment(_:by:ttl:)``.
    @discardableResult
    public func decrement(_ key: String, by amount: Int = 1, ttl: CacheTTL = .default) async throws -> Int {
        guard amount > .min else {
            throw CacheError(
                .invalidArgument, operation: "decrement", message: "\(amount) has no counterpart that could be added")
        }
        return try await add(-amount, to: key, ttl, CounterScripts.increment, "decrement")
    }

    /// Adds to a number with a fraction and gives the sum.
    ///
    /// As ``increment(_:by:ttl:)``; the server counts in long double and stores up to 17 significant digits.
    @discardableResult
    public func increment(_ key: String, by amount: Double, ttl: CacheTTL = .default) async throws -> Double {
        guard amount.isFinite else {
            throw CacheError(.invalidArgument, operation: "increment", message: "\(amount) cannot be added")
        }
        return try await add(amount, to: key, ttl, CounterScripts.incrementFloat, "increment")
    }

    /// Subtracts from a number with a fraction and gives the difference.
    ///
    /// As ``increment(_:by:ttl:)``.
    @discardableResult
    public func decrement(_ key: String, by amount: Double, ttl: CacheTTL = .default) async throws -> Double {
        guard amount.isFinite else {
            throw CacheError(.invalidArgument, operation: "decrement", message: "\(amount) cannot be subtracted")
        }
        return try await add(-amount, to: key, ttl, CounterScripts.incrementFloat, "decrement")
    }

    private func add<T: RedisArgument & RedisDecodable>(
        _ amount: T, to key: String, _ ttl: CacheTTL, _ script: RedisScript, _ operation: String
    ) async throws -> T {
        let entry = try entry(key, operation)
        let life = try milliseconds(ttl, operation).map { String($0) } ?? ""
        do {
            let sum = try await change([entry], operation) { redis throws(RedisError) in
                try await redis.evaluate(
                    script, keys: [entry], arguments: [amount, life], as: T.self, timeout: options.timeout)
            }
            tell(.set, key)
            return sum
        } catch let error as CacheError {
            // Redis has no code for these; its words do not contain the value.
            let words = (error.underlying as? RedisError)?.serverMessage ?? ""
            guard words.contains("not an integer") || words.contains("overflow") || words.contains("not a valid float")
            else { throw error }
            throw CacheError(
                .wrongType, operation: operation, key: entry.name,
                message: "\(entry.name) holds no number that \(amount) can be added to", underlying: error.underlying)
        }
    }
}

/// The scripts of counters.
enum CounterScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the counter |
    /// | ARGV[1] | what is added |
    /// | ARGV[2] | time to live of a counter that this call makes, ms; empty for none |
    /// | returns | the sum, as text: Lua's numbers have 53 bits |
    static let increment = RedisScript("cache.increment", source("INCRBY"))

    /// As `increment`.
    static let incrementFloat = RedisScript("cache.incrementFloat", source("INCRBYFLOAT"))

    private static func source(_ command: String) -> String {
        """
        local isNew = redis.call('EXISTS', KEYS[1]) == 0
        redis.call('\(command)', KEYS[1], ARGV[1])
        if isNew and ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return redis.call('GET', KEYS[1])
        """
    }
}
