/// When a limiter stops asking a Redis that does not answer, and what of it is worth a log line.
///
/// Pure: the limiter asks, keeps time and logs.
struct FailureGate: Sendable {
    /// A failing limiter is worth a line this often.
    static let logInterval: Int64 = 30 * 1_000_000_000

    /// What to log.
    enum Note: Equatable {
        /// The first failure, or the first after the interval; how many there were since the last line.
        case failing(count: Int)
        case recovered(count: Int)
    }

    private var isFailing = false
    private var count = 0
    private var loggedAt = Int64.min
    /// Until then the policy answers at once.
    private(set) var quietUntil = Int64.min

    /// A call got no verdict; with `pause` above zero nobody asks for that long.
    mutating func failed(_ now: Int64, pause: Int64) -> Note? {
        isFailing = true
        count += 1
        if pause > 0 { quietUntil = now + pause }
        guard loggedAt == .min || now - loggedAt >= Self.logInterval else { return nil }
        loggedAt = now
        defer { count = 0 }
        return .failing(count: count)
    }

    /// A call got a verdict.
    mutating func succeeded() -> Note? {
        guard isFailing else { return nil }
        defer { self = FailureGate() }
        return .recovered(count: count)
    }
}
