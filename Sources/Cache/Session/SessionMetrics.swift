import Metrics

/// What session stores count; users and sessions are never labels.
struct SessionMetrics: Sendable {
    let created: Counter
    let found: Counter
    let missing: Counter
    let destroyed: Counter
    let evicted: Counter
    let rotated: Counter
    let conflicts: Counter

    init(_ factory: any MetricsFactory) {
        created = Counter(label: "session.created", factory: factory)
        found = Counter(label: "session.found", factory: factory)
        missing = Counter(label: "session.missing", factory: factory)
        destroyed = Counter(label: "session.destroyed", factory: factory)
        evicted = Counter(label: "session.evicted", factory: factory)
        rotated = Counter(label: "session.rotated", factory: factory)
        conflicts = Counter(label: "session.conflicts", factory: factory)
    }
}
