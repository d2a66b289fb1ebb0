import RedisCore

/// How old a value is, measured by its own freshness; pure.
///
/// Entries without freshness live until Redis ends them.
struct EntryAge: Sendable, Equatable {
    enum Standing: Sendable, Equatable {
        case fresh
        /// Still good, but worth loading again before it ends.
        case early
        /// Past its time to live: only served when loading fails.
        case stale
        /// Too old even for that.
        case over
    }

    /// Server time, µs.
    private let written: Int64
    private let freshFor: Int64
    /// What loading it took, µs.
    private let loadTime: Int64

    init?(_ envelope: Envelope?) {
        guard let envelope, let freshness = envelope.freshness else { return nil }
        self.init(written: envelope.written, freshFor: freshness.freshFor, loadTime: freshness.loadTime)
    }

    init(written: Int64, freshFor: Int64, loadTime: UInt32) {
        // What another program wrote may say anything; no server's time lies before 1970.
        self.written = max(0, written)
        self.freshFor = max(0, freshFor)
        self.loadTime = max(1_000, Int64(loadTime) * 1_000)
    }

    /// A server's clock that went back makes nothing younger than new; when the time is unknown, nothing is fresh.
    func isFresh(at now: Int64?) -> Bool { now.map { max(0, $0 - written) < freshFor } ?? false }

    /// `random` gives numbers in 0..<1.
    func standing(
        at now: Int64?, early: RememberOptions.EarlyRefresh, maxStale: Int64?, random: () -> Double
    ) -> Standing {
        guard let now else { return maxStale == nil ? .over : .stale }
        let age = max(0, now - written)
        if age < freshFor { return isEarly(age, early, random) ? .early : .fresh }
        guard let maxStale, age - freshFor < maxStale else { return .over }
        return .stale
    }

    private func isEarly(_ age: Int64, _ early: RememberOptions.EarlyRefresh, _ random: () -> Double) -> Bool {
        switch early {
        case .off: false
        case .threshold(let share): Double(age) >= share * Double(freshFor)
        case .probabilistic(let beta): Double(freshFor - age) <= Double(loadTime) * beta * -NaturalLog.of(1 - random())
        }
    }
}
