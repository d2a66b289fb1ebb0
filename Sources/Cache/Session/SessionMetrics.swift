import Metrics

/// What session stores count; users and sessions are never labels.
struct SessionMetrics: Sendable {
    static let shared = SessionMetrics()

    let created = Counter(label: "session.created")
    let found = Counter(label: "session.found")
    let missing = Counter(label: "session.missing")
    let destroyed = Counter(label: "session.destroyed")
    let evicted = Counter(label: "session.evicted")
    let rotated = Counter(label: "session.rotated")
    let conflicts = Counter(label: "session.conflicts")
}
