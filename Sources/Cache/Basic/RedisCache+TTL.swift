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

/// The verbs move the end of a key in Redis.
///
/// They do not prolong for how long a remembered value is fresh, which its entry says: with `failSafe` or an early
/// refresh it counts until its own time is over, however long the key stays. An entry with tags ends at the latest
/// ``CacheOptions/longestTagLife`` after it was written: longer than that nobody remembers what was invalidated. One
/// that slides (``CacheOptions/sliding``) ends at its absolute end at the latest; reads go on renewing it, and never
/// make its life shorter: after `expire` it may live on by its idle time.
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
    /// One round trip, repeated if its reply was lost. An entry with tags ends at the latest
    /// ``CacheOptions/longestTagLife`` after it was written. A remembered value is not fresh for longer.
    @discardableResult
    public func expire(_ key: String, after time: Duration) async throws -> Bool {
        let entry = try entry(key, "expire")
        let milliseconds = try time.cacheMilliseconds("the time to live", operation: "expire")
        return try await move(entry, "in", milliseconds, "expire") > 0
    }

    /// Lets an entry end at a date of the **server's** clock; false when there is none.
    ///
    /// One round trip, repeated if its reply was lost. A date in the server's past deletes the entry; if that reply was
    /// lost the answer may be false. As for ``expire(_:after:)``, tags bound the end, and a remembered value is not
    /// fresh for longer.
    @discardableResult
    public func expire(_ key: String, at date: Date) async throws -> Bool {
        let entry = try entry(key, "expireAt")
        let milliseconds = (date.timeIntervalSince1970 * 1_000).rounded()
        guard milliseconds > 0, milliseconds < 1e15 else {
            throw CacheError(
                .invalidArgument, operation: "expireAt", key: entry.name,
                message: "an entry's end must lie between 1970 and the year 33000")
        }
        return try await move(entry, "at", Int64(milliseconds), "expireAt") > 0
    }

    /// Takes an entry's end away; false when there is none, or it has no end.
    ///
    /// One round trip. After a lost reply it is repeated, and may then answer false although it took the end away. An
    /// entry with tags still ends, ``CacheOptions/longestTagLife`` after it was written, and one that slides at its
    /// absolute end; the answer is true then. A remembered value is not fresh for longer.
    @discardableResult
    public func persist(_ key: String) async throws -> Bool {
        let entry = try entry(key, "persist")
        return try await move(entry, "", nil, "persist") == 1
    }

    /// Lets an entry live for the cache's default time from now on; false when there is none.
    ///
    /// An entry that slides lives for its own idle time, as after a read, also in a cache without `sliding`. One round
    /// trip, repeated if its reply was lost. With a default of `.never` its end is taken away. As for
    /// ``expire(_:after:)`` and ``persist(_:)``, tags bound the end, and a remembered value is not fresh for longer.
    @discardableResult
    public func touch(_ key: String) async throws -> Bool {
        let entry = try entry(key, "touch")
        return try await move(entry, "touch", try milliseconds(.default, "touch"), "touch") > 0
    }

    /// Moves one entry's end; as ``CacheScripts/life`` answers.
    private func move(
        _ entry: RedisKey, _ way: String, _ milliseconds: Int64?, _ operation: String
    ) async throws -> Int64 {
        let most = try options.longestTagLife.cacheMilliseconds("the longest life of a tag", operation: operation)
        return try await change([entry], operation) { redis throws(RedisError) in
            try await redis.evaluate(
                CacheScripts.life, keys: [entry], arguments: [way, milliseconds.map { "\($0)" } ?? "", most],
                as: Int64.self, timeout: options.timeout)
        }
    }
}
