import RedisCore

extension NewEntry {
    /// How long a value is fresh, and how long Redis keeps it, whether it was loaded, warmed up or written through.
    struct Life: Sendable {
        /// ms; nil for a value without an end.
        private let fresh: Int64?
        private let isJudged: Bool
        /// How long a read keeps it, ms; nil for a value that does not slide.
        private let idle: Int64?
        /// Time to live, ms, as scripts take it: empty for none.
        let physical: String

        /// Draws the jitter, so that each entry has a life of its own.
        ///
        /// What is tagged is cut to the longest life of a tag.
        init(
            _ ttl: CacheTTL, of cache: RedisCache, _ terms: RememberOptions, isTagged: Bool, keepsStale: Bool = true,
            slides: Bool = true, _ operation: String
        ) throws(CacheError) {
            let most =
                isTagged
                ? try cache.options.longestTagLife.cacheMilliseconds(
                    "the longest life of a tag", operation: operation) : Int64.max
            guard let milliseconds = try cache.milliseconds(cache.meant(ttl), operation) else {
                fresh = nil
                isJudged = false
                idle = nil
                physical = isTagged ? "\(most)" : ""
                return
            }
            // Sliding, the idle time stays as it is: what is read is fresh until the end that nothing moves.
            let sliding = slides ? cache.options.sliding : nil
            let longest = sliding?.upTo.wholeMilliseconds ?? milliseconds
            let shortened = Double(longest) * (1 - terms.jitter * .random(in: 0..<1))
            let fresh = min(max(1, Int64(shortened)), most)
            let stale = keepsStale ? terms.failSafe.map { $0.maxStale.wholeMilliseconds } ?? 0 : 0
            self.fresh = fresh
            isJudged = keepsStale && (stale > 0 || terms.early != .off)
            idle = sliding == nil ? nil : milliseconds
            physical = "\(min(idle ?? most, fresh + stale, most))"
        }

        /// Counted from the time that stands in the entry; only where somebody asks for it.
        func freshness(took: Duration) -> Envelope.Freshness? {
            guard isJudged, let fresh else { return nil }
            let taken = Self.microseconds(took)
            return Envelope.Freshness(freshFor: taken + fresh * 1_000, loadTime: UInt32(clamping: taken / 1_000))
        }

        /// Counted from the time that stands in the entry.
        func sliding(took: Duration) -> Envelope.Sliding? {
            guard let idle, let fresh else { return nil }
            return Envelope.Sliding(span: Self.microseconds(took) + fresh * 1_000, idle: idle)
        }

        private static func microseconds(_ took: Duration) -> Int64 { max(0, took.nanoseconds / 1_000) }
    }
}
