import Metrics

/// What tags, the reaper and invalidators count; names of tags, entities and keys are never labels.
struct InvalidationMetrics: Sendable {
    let tags: Counter
    let clears: Counter
    let reaped: Counter
    /// Invalidations that Redis did not take at once.
    let queued: Counter
    /// Of these, done later.
    let recovered: Counter
    /// Of these, given up: whatever was stale has expired by then.
    let abandoned: Counter
    /// Several became one of the whole cache, because too many waited.
    let widened: Counter
    /// What was applied because of events, missed ones included.
    let events: Counter
    let unreadableEvents: Counter
    let gaps: Counter

    init(_ factory: any MetricsFactory) {
        tags = Counter(label: "cache.tags.invalidated", factory: factory)
        clears = Counter(label: "cache.cleared", factory: factory)
        reaped = Counter(label: "cache.reaped", factory: factory)
        queued = Counter(label: "cache.invalidations.queued", factory: factory)
        recovered = Counter(label: "cache.invalidations.recovered", factory: factory)
        abandoned = Counter(label: "cache.invalidations.abandoned", factory: factory)
        widened = Counter(label: "cache.invalidations.widened", factory: factory)
        events = Counter(label: "cache.invalidation.events", factory: factory)
        unreadableEvents = Counter(label: "cache.invalidation.events.unreadable", factory: factory)
        gaps = Counter(label: "cache.invalidation.gaps", factory: factory)
    }
}
