import Metrics

/// What one-time codes count; ids and purposes are never labels.
///
/// Many wrong and locked ones are somebody who guesses.
struct OneTimeCodeMetrics: Sendable {
    static let shared = OneTimeCodeMetrics()

    let issued = Counter(label: "code.issued")
    let refused = Counter(label: "code.refused")
    let accepted = Counter(label: "code.accepted")
    let wrong = Counter(label: "code.wrong")
    let locked = Counter(label: "code.locked")
    let missing = Counter(label: "code.missing")
}
