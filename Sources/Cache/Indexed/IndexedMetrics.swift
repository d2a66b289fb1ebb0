import Metrics

/// What indexed caches and their sweepers count besides ``CacheMetrics``.
struct IndexedMetrics: Sendable {
    /// Members that a query took out of an index, because their items are gone.
    let pruned: Counter
    /// Rounds of an update that another writer made vain.
    let conflicts: Counter
    /// Ends that a handler was told of, and returned.
    let told: Counter
    /// Handlers that threw or took too long; each is tried again.
    let failed: Counter
    /// Ends that a handler would not have, and that are not told again.
    let rejected: Counter
    /// Ends that nobody was told of in time.
    let lost: Counter

    init(_ factory: any MetricsFactory) {
        pruned = Counter(label: "cache.index.pruned", factory: factory)
        conflicts = Counter(label: "cache.update.conflicts", factory: factory)
        told = Counter(label: "cache.expiry.told", factory: factory)
        failed = Counter(label: "cache.expiry.failed", factory: factory)
        rejected = Counter(label: "cache.expiry.rejected", factory: factory)
        lost = Counter(label: "cache.expiry.lost", factory: factory)
    }
}
