public import FoundationEssentials
import RedisCore

/// How long an entry still lives.
public enum CacheTTLState: Sendable, Hashable {
    /// There is no entry.
    case missing
    /// It has no end.
    case never
    /// It ends after this, in whole milliseconds.
    case remaining(Duration)

    /// From PTTL's answer.
    init(milliseconds: Int64) {
        switch milliseconds {
        case -2: self = .missing
        case ..<0: self = .never
        default: self = .remaining(.milliseconds(milliseconds))
        }
    }
}

extension RedisCache {
    /// How long an entry still lives; no number stands for "missing" or "never".
    ///
    /// One round trip. These verbs are about the key in Redis: an entry that counts as missing because it was
    /// invalidated by a tag or `clear()` still has a time to live until it is reaped.
    public func ttl(_ key: String) async throws -> CacheTTLState {
        let entry = try entry(key, "ttl")
        let milliseconds: Int64 = try await engine.call("ttl", key: entry.name) { redis throws(RedisError) in
            try await redis.command(RedisCommand("PTTL", entry), timeout: options.timeout)
        }
        return CacheTTLState(milliseconds: milliseconds)
    }

    /// Lets an entry end after a time, 1 ms to ten years; false when there is none.
    ///
    /// One round trip, repeated if its reply was lost.
    @discardableResult
    public func expire(_ key: String, after time: Duration) async throws -> Bool {
        let entry = try entry(key, "expire")
        let milliseconds = try time.cacheMilliseconds("the time to live", operation: "expire")
        return try await send(RedisCommand("PEXPIRE", entry, milliseconds).safeToRepeat(), entry, "expire")
    }

    /// Lets an entry end at a date of the **server's** clock; false when there is none.
    ///
    /// One round trip, repeated if its reply was lost. A date in the server's past deletes the entry.
    @discardableResult
    public func expire(_ key: String, at date: Date) async throws -> Bool {
        let entry = try entry(key, "expireAt")
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        guard milliseconds > 0, milliseconds < 1e15 else {
            throw CacheError(
                .invalidArgument, operation: "expireAt", key: entry.name,
                message: "an entry's end must lie between 1970 and the year 33000")
        }
        return try await send(
            RedisCommand("PEXPIREAT", entry, Int64(milliseconds)).safeToRepeat(), entry, "expireAt")
    }

    /// Takes an entry's end away; false when there is none, or it has no end.
    ///
    /// One round trip. After a lost reply it is repeated, and may then answer false although it took the end away.
    @discardableResult
    public func persist(_ key: String) async throws -> Bool {
        let entry = try entry(key, "persist")
        return try await send(RedisCommand("PERSIST", entry).safeToRepeat(), entry, "persist")
    }

    /// Lets an entry live for the cache's default time from now on; false when there is none.
    ///
    /// One round trip, repeated if its reply was lost. With a default of `.never` its end is taken away.
    @discardableResult
    public func touch(_ key: String) async throws -> Bool {
        let entry = try entry(key, "touch")
        guard let milliseconds = try milliseconds(.default, "touch") else {
            let state = try await change([entry], "touch") { redis throws(RedisError) in
                try await redis.pipeline([RedisCommand("PERSIST", entry), RedisCommand("EXISTS", entry)])
            }
            if case .success(.integer(1)) = state.last { return true }
            return false
        }
        return try await send(RedisCommand("PEXPIRE", entry, milliseconds).safeToRepeat(), entry, "touch")
    }

    /// One command that changes the end of one entry.
    func send<T: RedisDecodable>(
        _ command: RedisCommand, _ entry: RedisKey, _ operation: String, as type: T.Type = T.self
    ) async throws -> T {
        try await change([entry], operation) { redis throws(RedisError) in
            try await redis.command(command, as: T.self, timeout: options.timeout)
        }
    }
}
