import Metrics

/// What tags, the reaper and invalidators count; names of tags, entities and keys are never labels.
enum InvalidationMetrics {
    static let tags = Counter(label: "cache.tags.invalidated")
    static let clears = Counter(label: "cache.cleared")
    static let reaped = Counter(label: "cache.reaped")
    /// Invalidations that Redis did not take at once.
    static let queued = Counter(label: "cache.invalidations.queued")
    /// Of these, done later.
    static let recovered = Counter(label: "cache.invalidations.recovered")
    /// Of these, given up: whatever was stale has expired by then.
    static let abandoned = Counter(label: "cache.invalidations.abandoned")
    /// Several became one of the whole cache, because too many waited.
    static let widened = Counter(label: "cache.invalidations.widened")
    static let events = Counter(label: "cache.invalidation.events")
    static let unreadableEvents = Counter(label: "cache.invalidation.events.unreadable")
    static let gaps = Counter(label: "cache.invalidation.gaps")
}
