import Metrics

/// What one-time codes count; ids and purposes are never labels.
///
/// Many wrong and locked ones are somebody who guesses.
struct OneTimeCodeMetrics: Sendable {
    let issued: Counter
    let refused: Counter
    let accepted: Counter
    let wrong: Counter
    let locked: Counter
    let missing: Counter

    init(_ factory: any MetricsFactory) {
        issued = Counter(label: "code.issued", factory: factory)
        refused = Counter(label: "code.refused", factory: factory)
        accepted = Counter(label: "code.accepted", factory: factory)
        wrong = Counter(label: "code.wrong", factory: factory)
        locked = Counter(label: "code.locked", factory: factory)
        missing = Counter(label: "code.missing", factory: factory)
    }
}
