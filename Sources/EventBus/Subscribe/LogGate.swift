/// Lets one line per kind and interval into the log and counts the others, so that a flood of bad messages cannot
/// become a flood of lines.
struct LogGate<Kind: Hashable & Sendable>: Sendable {
    private struct Entry {
        var next: ContinuousClock.Instant
        var suppressed = 0
    }

    private let interval: Duration
    private var entries: [Kind: Entry] = [:]

    init(interval: Duration) { self.interval = interval }

    /// How many lines were held back since the last one, when this one may pass; nil holds it back.
    mutating func pass(_ kind: Kind, at now: ContinuousClock.Instant) -> Int? {
        if let entry = entries[kind], now < entry.next {
            entries[kind]?.suppressed += 1
            return nil
        }
        let suppressed = entries[kind]?.suppressed ?? 0
        entries[kind] = Entry(next: now + interval)
        return suppressed
    }
}
