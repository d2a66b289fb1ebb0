import FoundationEssentials
import Logging
import Metrics
import RedisCore

/// Some ends that this process is to tell.
struct ExpiryClaim: Sendable {
    let entries: [ExpiredEntry]
    /// When the next one comes, as far as is known.
    let next: Duration?
    /// True when there may be more to claim at once; never after a claim that changed nothing.
    let hasMore: Bool

    static func take(_ cache: IndexedCache, _ options: ExpirySweeperOptions) async throws -> ExpiryClaim {
        let lease = options.lease.nanoseconds / 1_000_000
        let patience = try cache.expiry.milliseconds()
        let reply: [RedisValue] = try await cache.engine.call("claim", key: cache.keys.expired.name) {
            redis throws(RedisError) in
            try await redis.evaluate(
                ExpiryScripts.claim, keys: cache.keys.expiry,
                arguments: [cache.keys.root, options.batch, lease, patience], timeout: cache.options.timeout)
        }
        guard reply.count >= 3, case .integer(let lost) = reply[0], case .integer(let next) = reply[1],
            case .integer(let seen) = reply[2]
        else {
            throw CacheError(.unavailable, operation: "claim", message: "the sweeper got an answer that is none")
        }
        if lost > 0 {
            cache.engine.metrics.indexed.lost.increment(by: lost)
            cache.engine.logger.error(
                "expired items were told to nobody in time and are given up",
                metadata: ["namespace": "\(cache.namespace)", "count": "\(lost)"])
        }
        let entries = stride(from: 3, to: reply.count - 3, by: 4).compactMap { entry(reply[$0...], cache) }
        let unread = (reply.count - 3) / 4 - entries.count
        if unread > 0 {
            cache.engine.logger.error(
                "ends are noted in a way that cannot be read; they are told to nobody",
                metadata: ["namespace": "\(cache.namespace)", "count": "\(unread)"])
        }
        return ExpiryClaim(
            entries: entries, next: next < 0 ? nil : .milliseconds(next),
            hasMore: seen >= Int64(options.batch) || (seen > 0 && next == 0))
    }

    private static func entry(_ parts: ArraySlice<RedisValue>, _ cache: IndexedCache) -> ExpiredEntry? {
        let parts = Array(parts.prefix(4))
        guard case .bytes(let event) = parts[0], case .integer(let claim) = parts[1],
            case .integer(let attempt) = parts[2]
        else { return nil }
        var value: Data?
        if case .bytes(let bytes) = parts[3] { value = Data(bytes) }
        return ExpiredEntry(
            String(decoding: event, as: UTF8.self), claim: Int(claim), attempt: Int(attempt), value, cache)
    }
}

extension IndexedKeys {
    /// What the scripts of the sweeper work on.
    var expiry: [RedisKey] { [due, expired, attempts] }
}
