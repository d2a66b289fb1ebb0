import Metrics

/// What caches and stores count, under fixed labels: names of keys, users and namespaces are never labels.
///
/// One set for the process, made when its first cache is: the backend has to be there by then.
struct CacheMetrics: Sendable {
    static let shared = CacheMetrics(MetricsSystem.factory)

    let hits: Counter
    let nearHits: Counter
    let nearFlushes: Counter
    let misses: Counter
    let undecodable: Counter
    /// Entries that were stored, by whatever call; not counters.
    let writes: Counter
    /// Entries that were asked to be deleted, there or not.
    let deletes: Counter
    /// Calls that Redis did not answer, or could not.
    let failures: Counter
    /// Calls that were not sent, because the circuit was open.
    let refused: Counter
    /// Reads of sliding entries that could not renew their lives.
    let failedRenewals: Counter
    let circuitOpened: Counter

    /// Values loaded by `remember`, and loads that threw or took too long.
    let loads: Counter
    let loadFailures: Counter
    /// Stale values served in the place of a load.
    let stale: Counter
    let earlyRefreshes: Counter
    /// Loads that waited for another process' load.
    let leaseWaits: Counter
    /// Loaded values that something newer kept out.
    let refusedFills: Counter
    /// Loaded values that could not be stored: Redis refused, or they are too large.
    let unsaved: Counter

    let indexed: IndexedMetrics
    let invalidation: InvalidationMetrics
    let sessions: SessionMetrics
    let codes: OneTimeCodeMetrics

    init(_ factory: any MetricsFactory) {
        hits = Counter(label: "cache.hits", factory: factory)
        nearHits = Counter(label: "cache.near.hits", factory: factory)
        nearFlushes = Counter(label: "cache.near.flushes", factory: factory)
        misses = Counter(label: "cache.misses", factory: factory)
        undecodable = Counter(label: "cache.undecodable", factory: factory)
        writes = Counter(label: "cache.writes", factory: factory)
        deletes = Counter(label: "cache.deletes", factory: factory)
        failures = Counter(label: "cache.failures", factory: factory)
        refused = Counter(label: "cache.refused", factory: factory)
        failedRenewals = Counter(label: "cache.renewals.failed", factory: factory)
        circuitOpened = Counter(label: "cache.circuit.opened", factory: factory)
        loads = Counter(label: "cache.loads", factory: factory)
        loadFailures = Counter(label: "cache.load.failures", factory: factory)
        stale = Counter(label: "cache.stale", factory: factory)
        earlyRefreshes = Counter(label: "cache.refresh.early", factory: factory)
        leaseWaits = Counter(label: "cache.lease.waits", factory: factory)
        refusedFills = Counter(label: "cache.fill.refused", factory: factory)
        unsaved = Counter(label: "cache.fill.unsaved", factory: factory)
        indexed = IndexedMetrics(factory)
        invalidation = InvalidationMetrics(factory)
        sessions = SessionMetrics(factory)
        codes = OneTimeCodeMetrics(factory)
    }
}
