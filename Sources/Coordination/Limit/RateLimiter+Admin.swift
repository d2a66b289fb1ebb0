public import RedisCore

extension RateLimiter {
    /// What ``check(_:cost:)`` would say now, without counting; one round trip, always to Redis.
    ///
    /// - Throws: `invalidArgument`, `unavailable`; `CancellationError`.
    public func peek(_ key: String, cost: Int = 1) async throws -> RateLimitVerdict {
        if let never = try neverAllowed(.exactly(cost)) { return never }
        let name = try LimitKeys.escaped(key)
        do {
            return verdict(try await request.look(name, cost: cost))
        } catch {
            throw CoordinationError.from(error, operation: "limit", key: request.keys.records(name)[0].name)
        }
    }

    /// Forgets what a key has used; true when there was something.
    ///
    /// One round trip. The counts of rules for all keys stay. This process forgets its refusals of the key at once;
    /// other processes refuse until the time they know of is over, which is at most the window.
    ///
    /// - Throws: `invalidArgument`, `unavailable`; `CancellationError`.
    @discardableResult
    public func reset(_ key: String) async throws -> Bool {
        let name = try LimitKeys.escaped(key)
        let records = zip(request.keys.records(name), request.keys.takesName).filter(\.1).map(\.0)
        // Also after a failure: it may have been executed.
        defer { denied?.remove(key) }
        guard let first = records.first else { return false }
        do {
            let count: Int = try await request.redis.command(
                RedisCommand("DEL", arguments: records).safeToRepeat())
            return count > 0
        } catch {
            throw CoordinationError.from(error, operation: "limit", key: first.name)
        }
    }

    /// Limiters of a name as others announced them within the hour, ready to look into and to reset.
    ///
    /// For tools: the rules need not be known. A limiter announces itself when it decides, if it has a name. Several
    /// are found when limiters of one name have different rules. One round trip.
    ///
    /// - Throws: `invalidArgument`, `unavailable`; `CancellationError`.
    public static func announced(_ redis: RedisClient, name: String) async throws -> [RateLimiter] {
        let any = try LimitKeys(redis.configuration, name: name, rules: [.api])
        guard let key = any.announcement else {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "a limiter without a name is unknown")
        }
        // Whatever else may stand there: what is no announcement is passed over.
        let seen: [String: String]
        do {
            seen = try await redis.command(RedisCommand("HGETALL", RedisKey(key)))
        } catch {
            throw CoordinationError.from(error, operation: "limit", key: key)
        }
        return seen.keys.sorted().compactMap { text in
            let rules = text.split(separator: ",").map { RateLimit(announced: String($0)) }
            let known = rules.compactMap(\.self)
            guard !known.isEmpty, known.count == rules.count else { return nil }
            return try? RateLimiter(redis, known, name: name)
        }
    }
}
