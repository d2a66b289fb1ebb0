import FoundationEssentials
import Metrics
import RedisCore

extension RedisCache {
    /// The time to live that a call means: `.default` of a cache that slides is its idle time.
    func meant(_ ttl: CacheTTL) -> CacheTTL {
        guard ttl == .default, let sliding = options.sliding else { return ttl }
        return .after(sliding.idle)
    }

    /// What an MGET of entries and stamps answers, the lives of those that slide renewed on the way: one round trip.
    ///
    /// The entries come first, so what was invalidated before they were read shows in the stamps.
    func renewingValues(
        _ entries: [RedisKey], _ stamps: some Sequence<RedisKey>, _ operation: String
    ) async throws -> ValueArray {
        let key = entries.count == 1 ? entries[0].name : nil
        let stamps = Array(stamps)
        // Freshness is judged by the server's clock: when that is not known, it is asked for on the way.
        let read = SlidingRead(entries: entries, stamps: stamps, asksTime: engine.serverTime == nil)
        do {
            let sent = CacheEngine.localTime
            let results = try await engine.call(operation, key: key) { redis throws(RedisError) in
                try await read.results(from: redis, timeout: options.timeout)
            }
            if let time = read.time(results) { engine.note(serverTime: time, sentAt: sent) }
            guard let found = read.values(results) else {
                throw CacheError(
                    .unavailable, operation: operation, key: key,
                    message: "\(operation) got another answer than values for \(entries.count) keys")
            }
            if found.failed > 0 { engine.metrics.failedRenewals.increment(by: found.failed) }
            return ValueArray(found.values)
        } catch let error as CacheError where Self.mayStillRead(error) {
            // A server that takes no scripts may still be read; whether it is, the next call tells.
            engine.metrics.failedRenewals.increment(by: Int64(entries.count))
            return try await mget(entries + stamps, operation, key: key)
        }
    }

    private static func mayStillRead(_ error: CacheError) -> Bool {
        switch (error.underlying as? RedisError)?.code {
        case .readOnly, .outOfMemory, .misconfigured, .noReplicas, .noPermission, .unknownCommand, .server: true
        default: false
        }
    }
}

/// One round trip that reads entries, renews lives, and reads stamps.
private struct SlidingRead: Sendable {
    let entries: [RedisKey]
    let stamps: [RedisKey]
    let asksTime: Bool

    /// Replies in order: of one script for each chunk of entries, of the MGET of stamps, of TIME if it was asked.
    func results(from redis: RedisClient, timeout: Duration) async throws(RedisError) -> [RedisValue] {
        do {
            return try await send("EVALSHA", SlidingScripts.read.sha, redis, timeout)
        } catch  where error.code == .noScript {
            return try await send("EVAL", SlidingScripts.read.source, redis, timeout)
        }
    }

    private func send(
        _ name: String, _ script: String, _ redis: RedisClient, _ timeout: Duration
    ) async throws(RedisError) -> [RedisValue] {
        var commands = chunks.map { chunk in
            let arguments: [any RedisArgument] = [script, chunk.count] + entries[chunk].map { $0 }
            return RedisCommand(name, arguments: arguments).safeToRepeat(SlidingScripts.read.isSafeToRepeat)
        }
        commands.append(RedisCommand("MGET", arguments: stamps))
        if asksTime { commands.append(RedisCommand("TIME")) }
        var values: [RedisValue] = []
        for result in try await redis.pipeline(commands, timeout: timeout) { values.append(try result.get()) }
        return values
    }

    private var chunks: [Range<Int>] {
        stride(from: 0, to: entries.count, by: SlidingScripts.mostKeys).map { start in
            start..<min(start + SlidingScripts.mostKeys, entries.count)
        }
    }

    func time(_ results: [RedisValue]) -> Int64? { asksTime ? RedisClient.microseconds(results.last) : nil }

    /// The values of entries and then of stamps, and how many lives were not renewed; nil for what is no answer.
    func values(_ results: [RedisValue]) -> (values: [Data?], failed: Int64)? {
        let chunks = chunks
        guard results.count > chunks.count else { return nil }
        var values: [Data?] = []
        values.reserveCapacity(entries.count + stamps.count)
        var failed: Int64 = 0
        for (chunk, reply) in zip(chunks, results) {
            guard case .array(let parts) = reply, parts.count == chunk.count + 1, case .integer(let count)? = parts.last
            else { return nil }
            failed += count
            values += RedisCache.elements(of: .array(parts.dropLast()))
        }
        values += RedisCache.elements(of: results[chunks.count])
        return values.count == entries.count + stamps.count ? (values, failed) : nil
    }
}
