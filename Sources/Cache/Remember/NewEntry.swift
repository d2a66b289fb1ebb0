import FoundationEssentials
import RedisCore

/// A loaded value as it is stored, with its life.
struct NewEntry: Sendable {
    let bytes: Data
    let tags: [String]
    /// Time to live, ms, as the script takes it: empty for none.
    let life: String

    /// nil for a missing value that is not to be remembered; throws for a value that cannot be stored.
    ///
    /// `at` is the server's time of the lease, µs; `took` is what loading took since. What `replaces` another entry is
    /// stored in any case: the other one shall not be read any more.
    init?<Value: Codable & Sendable>(
        _ loaded: Loaded<Value?>, _ call: RememberCall<Value>, at: Int64, took: Duration, replaces: Bool
    ) throws(CacheError) {
        let cache = call.cache
        var tags = call.tags
        for tag in loaded.tags where !tags.contains(tag) { tags.append(tag) }
        try CacheKeys.check(tags: tags, operation: call.operation)
        self.tags = tags
        if let value = loaded.value {
            let life = try Life(
                try cache.milliseconds(cache.meant(loaded.ttl ?? call.ttl), call.operation), call,
                isTagged: !tags.isEmpty, slides: loaded.slides)
            let pieces = try cache.pieces(
                value, tags, call.entry, call.operation, freshness: life.freshness(took: took),
                sliding: life.sliding(took: took))
            bytes = pieces.whole(written: at)
            self.life = life.physical
        } else {
            let shortest = replaces ? CacheTTL.after(.milliseconds(1)) : nil
            guard let ttl = loaded.ttl ?? call.terms.negativeTTL.map(CacheTTL.after) ?? shortest else { return nil }
            let life = try Life(
                try cache.milliseconds(cache.meant(ttl), call.operation), call, isTagged: !tags.isEmpty,
                keepsStale: false, slides: false)
            var envelope = Envelope(codec: CacheCodec.bytes, schema: cache.options.schema, tags: tags)
            envelope.isNegative = true
            bytes = envelope.pieces(Data(), .off).whole(written: at)
            self.life = life.physical
        }
    }

    /// How long a value is fresh, and how long Redis keeps it.
    private struct Life {
        /// ms; nil for a value without an end.
        private let fresh: Int64?
        private let isJudged: Bool
        /// How long a read keeps it, ms; nil for a value that does not slide.
        private let idle: Int64?
        let physical: String

        init<Value>(
            _ milliseconds: Int64?, _ call: RememberCall<Value>, isTagged: Bool, keepsStale: Bool = true,
            slides: Bool
        ) throws(CacheError) {
            let terms = call.terms
            let most =
                isTagged
                ? try call.cache.options.longestTagLife.cacheMilliseconds(
                    "the longest life of a tag", operation: call.operation) : Int64.max
            guard let milliseconds else {
                fresh = nil
                isJudged = false
                idle = nil
                physical = isTagged ? "\(most)" : ""
                return
            }
            // Sliding, the idle time stays as it is: what is read is fresh until the end that nothing moves.
            let sliding = slides ? call.cache.options.sliding : nil
            let longest = sliding?.upTo.wholeMilliseconds ?? milliseconds
            let shortened = Double(longest) * (1 - terms.jitter * .random(in: 0..<1))
            let fresh = min(max(1, Int64(shortened)), most)
            let stale = keepsStale ? terms.failSafe.map { $0.maxStale.wholeMilliseconds } ?? 0 : 0
            self.fresh = fresh
            isJudged = keepsStale && (stale > 0 || terms.early != .off)
            idle = sliding == nil ? nil : milliseconds
            physical = "\(min(idle ?? most, fresh + stale, most))"
        }

        /// Counted from the lease on; only where somebody asks for it.
        func freshness(took: Duration) -> Envelope.Freshness? {
            guard isJudged, let fresh else { return nil }
            let taken = Self.microseconds(took)
            return Envelope.Freshness(freshFor: taken + fresh * 1_000, loadTime: UInt32(clamping: taken / 1_000))
        }

        /// Counted from the lease on.
        func sliding(took: Duration) -> Envelope.Sliding? {
            guard let idle, let fresh else { return nil }
            return Envelope.Sliding(span: Self.microseconds(took) + fresh * 1_000, idle: idle)
        }

        private static func microseconds(_ took: Duration) -> Int64 { max(0, took.nanoseconds / 1_000) }
    }
}
