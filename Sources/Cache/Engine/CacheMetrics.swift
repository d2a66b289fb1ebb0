import Metrics

/// What caches and stores count, under fixed labels: names of keys, users and namespaces are never labels.
struct CacheMetrics: Sendable {
    static let shared = CacheMetrics()

    let hits = Counter(label: "cache.hits")
    let misses = Counter(label: "cache.misses")
    let undecodable = Counter(label: "cache.undecodable")
    let writes = Counter(label: "cache.writes")
    let deletes = Counter(label: "cache.deletes")
    let failures = Counter(label: "cache.failures")
    let refused = Counter(label: "cache.refused")
    let circuitOpened = Counter(label: "cache.circuit.opened")
}
