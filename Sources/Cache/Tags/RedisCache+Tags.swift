import Metrics
import RedisCore

extension RedisCache {
    /// Ends every entry that has one of these tags, however many there are, in this cache and all that share its root.
    ///
    /// One round trip for 1,000 tags, which end at the same moment, and one key a tag, whatever the number of entries.
    /// Values that were loaded before are not served after it returns, by no process, and loads that are on their way
    /// are dead when they arrive. Entries leave Redis when their time is over, are overwritten, or by
    /// ``reap(page:atMost:)``.
    ///
    /// Tags belong to the outermost cache: `users` of `RedisCache(redis, prefix: "app")` and of its namespaces is one
    /// tag, that of another prefix is another. The invalidation is remembered for ``CacheOptions/longestTagLife`` and
    /// an hour, or two ``RememberOptions/loadLease`` if that is more: longer than any tagged entry lives, those
    /// included that were being loaded. Give caches of one root the same values.
    ///
    /// Safe to repeat, so a lost reply changes nothing. **When Redis fails over** to a server that has not got it, the
    /// invalidation is lost as any write. **When the server's clock goes back** entries of the time in between may
    /// count as missing. An entry from before, with a time that is still to come, dies if this process spoke to the
    /// server within the last minute before the jump; a process that did not cannot know.
    ///
    /// - Parameter tags: 1 to 255 bytes each; none, no round trip.
    /// - Throws: `unavailable`: nobody knows whether they are invalidated; call it again, or use an ``Invalidator``,
    ///   which does. Of more than 1,000 tags some may be, which `isEffectUnknown` says. `invalidArgument`;
    ///   `CancellationError`.
    public func invalidate(tags: String...) async throws { try await invalidateAll(tags: tags) }

    /// Ends every entry that has one of these tags.
    ///
    /// As ``invalidate(tags:)``.
    public func invalidateAll(tags: some Sequence<String> & Sendable) async throws {
        try check()
        // Sorted, so that who watches the server sees the same command for the same tags.
        let tags = Set(tags.map { ExactString($0) }).sorted().map(\.text)
        for tag in tags { try CacheKeys.check(tag: tag, operation: "invalidate") }
        guard !tags.isEmpty else { return }
        // A load that began before may land as long as its lease lasts, and its entry lives from then on.
        let life =
            try options.longestTagLife.cacheMilliseconds("the longest life of a tag", operation: "invalidate")
            + max(3_600_000, 2 * options.remember.loadLease.wholeMilliseconds)
        for start in stride(from: 0, to: tags.count, by: Self.mostTagsAtOnce) {
            let some = tags[start..<min(start + Self.mostTagsAtOnce, tags.count)]
            do {
                try await stamp(some.map(keys.tag), life: String(life), "invalidate")
            } catch let error as CacheError where start > 0 {
                throw error.afterChange
            }
        }
        engine.metrics.invalidation.tags.increment(by: Int64(tags.count))
        tell(.invalidated(tags: tags), nil)
    }

    /// Ends every entry of this namespace and of those within it.
    ///
    /// One round trip and one key, however many entries there are; effective for everybody when it returns, as
    /// ``invalidate(tags:)``. Counters and values that other programs stored carry no time and stay; delete those by
    /// their keys. Entries that were ended leave Redis as they expire, or by ``reap(page:atMost:)``, which also lets
    /// the stamp go: until then it is a key without a time to live.
    ///
    /// - Throws: `unavailable`: nobody knows whether it is cleared. `CancellationError`.
    public func clear() async throws {
        try check()
        // Who asks from now on joins no load that is under way in this process.
        defer { engine.flights.detach(prefix: keys.start) }
        // No time to live: entries may have none either, and an entry that outlived the stamp would be served again.
        // Only who has looked at all of them knows that there is none: see `reap`.
        try await stamp([keys.epochs[0]], life: "", "clear")
        engine.metrics.invalidation.clears.increment()
        tell(.cleared, nil)
    }

    /// Writes stamps: every invalidation by tag and of namespaces passes here, and nowhere else.
    private func stamp(_ stamps: [RedisKey], life: String, _ operation: String) async throws {
        let seen = engine.latestServerTime
        // The answer is not always the server's time: it says nothing about the clock.
        let _: Int64 = try await forgettingNear(groups: stamps, operation) { redis throws(RedisError) in
            try await redis.evaluate(
                TagScripts.stamp, keys: stamps, arguments: [life, seen, TagScripts.longestLead * 1_000],
                timeout: options.timeout)
        }
    }

    /// One script declares at most so many keys; Lua's stack has room for 8,000 values.
    static let mostTagsAtOnce = 1_000
}

extension CacheKeys {
    static func check(tag: String, operation: String) throws(CacheError) {
        try check(tags: [tag], operation: operation)
    }
}
