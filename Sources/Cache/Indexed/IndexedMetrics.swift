import Metrics

/// What indexed caches and their sweepers count besides ``CacheMetrics``.
struct IndexedMetrics: Sendable {
    static let shared = IndexedMetrics()

    let pruned = Counter(label: "cache.index.pruned")
    let conflicts = Counter(label: "cache.update.conflicts")
    let told = Counter(label: "cache.expiry.told")
    let failed = Counter(label: "cache.expiry.failed")
    let lost = Counter(label: "cache.expiry.lost")
}
