import Metrics

/// What caches and stores count, under fixed labels: names of keys, users and namespaces are never labels.
struct CacheMetrics: Sendable {
    static let shared = CacheMetrics()

    let hits = Counter(label: "cache.hits")
    let nearHits = Counter(label: "cache.near.hits")
    let nearFlushes = Counter(label: "cache.near.flushes")
    let misses = Counter(label: "cache.misses")
    let undecodable = Counter(label: "cache.undecodable")
    let writes = Counter(label: "cache.writes")
    let deletes = Counter(label: "cache.deletes")
    let failures = Counter(label: "cache.failures")
    let refused = Counter(label: "cache.refused")
    let circuitOpened = Counter(label: "cache.circuit.opened")

    /// Values loaded by `remember`, and loads that threw or took too long.
    let loads = Counter(label: "cache.loads")
    let loadFailures = Counter(label: "cache.load.failures")
    /// Stale values served in the place of a load.
    let stale = Counter(label: "cache.stale")
    let earlyRefreshes = Counter(label: "cache.refresh.early")
    /// Loads that waited for another process' load.
    let leaseWaits = Counter(label: "cache.lease.waits")
    /// Loaded values that something newer kept out.
    let refusedFills = Counter(label: "cache.fill.refused")
    /// Loaded values that could not be stored: Redis refused, or they are too large.
    let unsaved = Counter(label: "cache.fill.unsaved")
}
