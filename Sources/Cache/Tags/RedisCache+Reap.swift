import FoundationEssentials
import Metrics
import RedisCore

/// What a reaper found; see ``RedisCache/reap(page:atMost:)``.
public struct CacheReaping: Sendable, Equatable {
    /// Entries that were looked at; Redis may show some twice.
    public internal(set) var examined = 0
    /// Entries that were deleted.
    public internal(set) var deleted = 0
    /// Whether the whole namespace was looked at.
    public internal(set) var isComplete = false
}

extension RedisCache {
    /// Deletes entries that were ended by ``clear()`` or ``invalidate(tags:)`` and still take up memory.
    ///
    /// Nothing depends on it: dead entries are not served, and leave by themselves when their time is over. Call it
    /// after clearing a namespace whose entries live long. SCAN walks over the database in pages, one round trip for
    /// each page's names, one for the first bytes of its entries and one for the deletions (one more if there are
    /// tags), besides one before and, after a clearing, one at the end; no page holds the server up. An entry that is
    /// overwritten meanwhile is not deleted: the script that does it looks at the time in the entry again. What is
    /// asked is repeated when its reply is lost; `deleted` may be too low then.
    ///
    /// After a complete walk the namespace's stamp gets a time to live, an hour or twice
    /// ``RememberOptions/loadLease``: by then every load that began before the clearing has ended. Entries that only
    /// a nested namespace's ``clear()`` ended are left to its own `reap`. Entries under this prefix that belong to
    /// another cache, made with a longer prefix of its own, count as this cache's: give caches prefixes of which none
    /// begins another.
    ///
    /// - Parameters:
    ///   - page: How many keys the server looks at at a time, 1 to 10,000.
    ///   - atMost: Ends after so many deletions, at the end of a page.
    /// - Throws: `unavailable`: what was deleted until then stays deleted. `invalidArgument`, also for a cache
    ///   without a prefix, to which everything in the database would belong; `CancellationError`.
    @discardableResult
    public func reap(page: Int = 500, atMost: Int = .max) async throws -> CacheReaping {
        try check()
        guard (1...10_000).contains(page) else { throw refusal("the page is \(page) keys; give 1 to 10,000") }
        guard !keys.start.isEmpty else {
            throw refusal("a cache without a prefix cannot tell its entries from others'")
        }
        let stamps = try await mget(keys.epochs, "reap", key: nil)
        let epoch = stamps.latest(0..<stamps.count)
        var result = CacheReaping()
        var cursor = "0"
        repeat {
            try Task.checkCancellation()
            let names: [RedisKey]
            (cursor, names) = try await scan(from: cursor, page)
            result.examined += names.count
            result.deleted += try await reap(names, epoch)
            result.isComplete = cursor == "0"
        } while !result.isComplete && result.deleted < atMost
        if result.isComplete, let own = stamps.first ?? nil { try await retire(own) }
        return result
    }

    private func refusal(_ message: String) -> CacheError {
        CacheError(.invalidArgument, operation: "reap", message: message)
    }

    /// One page of names; not by ``RedisScan``, which remembers all names: here a second look does no harm.
    private func scan(from cursor: String, _ page: Int) async throws -> (next: String, names: [RedisKey]) {
        let pattern = RedisGlob.escape(keys.start) + "*"
        let reply = try await command("SCAN", cursor, "MATCH", pattern, "COUNT", page, "TYPE", "string")
        guard case .array(let parts) = reply, parts.count == 2, case .bytes(let next) = parts[0],
            case .array(let names) = parts[1]
        else {
            throw CacheError(.unavailable, operation: "reap", message: "SCAN was not answered with a page of keys")
        }
        let known = names.compactMap { name -> RedisKey? in
            // Names that are not text are not ours.
            guard case .bytes(let bytes) = name else { return nil }
            return String(validating: bytes, as: UTF8.self).map { RedisKey($0) }
        }
        return (String(decoding: next, as: UTF8.self), known)
    }

    private func reap(_ names: [RedisKey], _ epoch: Int64) async throws -> Int {
        guard !names.isEmpty else { return 0 }
        var page = ReapPage()
        let unclear = zip(names, try await heads(of: names, ReapPage.shortHead)).filter { !page.read($0, $1) }
        if !unclear.isEmpty {
            let names = unclear.map(\.0)
            for (name, head) in zip(names, try await heads(of: names, ReapPage.longestHead)) {
                _ = page.read(name, head)
            }
        }
        let dead = page.dead(epoch: epoch, tags: try await stamps(of: page.tags, "reap"))
        guard !dead.isEmpty else { return 0 }
        let results = try await run(
            TagScripts.reap, dead.map { (keys: [$0.key], arguments: [epoch, $0.byTag.map { "\($0)" } ?? ""]) }, "reap")
        let deleted = results.count { $0 == .integer(1) }
        engine.metrics.invalidation.reaped.increment(by: Int64(deleted))
        return deleted
    }

    /// The first bytes of entries; none of what is gone or has become something else.
    private func heads(of names: [RedisKey], _ size: Int) async throws -> [Data] {
        let commands = names.map { RedisCommand("GETRANGE", $0, 0, size - 1) }
        return try await engine.call("reap", key: nil) { redis throws(RedisError) in
            var heads: [Data] = []
            // A refusal ends the walk: what could not be read may be dead, and then nothing is complete.
            for reply in try await redis.pipeline(commands, timeout: options.timeout) {
                do throws(RedisError) {
                    guard case .bytes(let bytes) = try reply.get() else {
                        heads.append(Data())
                        continue
                    }
                    heads.append(Data(bytes))
                } catch  where error.code == .wrongType {
                    heads.append(Data())
                }
            }
            return heads
        }
    }

    private func retire(_ stamp: Data) async throws {
        let _: Int64 = try await engine.call("reap", key: nil) { redis throws(RedisError) in
            try await redis.evaluate(
                TagScripts.retire, keys: [keys.epochs[0]],
                arguments: [stamp, retirement], timeout: options.timeout)
        }
    }

    private func command(_ name: String, _ arguments: any RedisArgument...) async throws -> RedisValue {
        try await engine.call("reap", key: nil) { redis throws(RedisError) in
            try await redis.command(RedisCommand(name, arguments: arguments), timeout: options.timeout)
        }
    }

    /// How long the stamp of a namespace outlives its dead entries, ms: longer than any load takes, which could still
    /// write a value from before.
    private var retirement: Int64 { max(3_600_000, 2 * options.remember.leaseMilliseconds) }
}
