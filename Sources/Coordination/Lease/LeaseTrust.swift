import RedisCore

/// Until when a holder may rely on its lease, given requests whose order of execution is not known.
///
/// Every request sets the server's deadline to its execution plus its time to live. Whichever of several was executed
/// last was executed no earlier than any confirmed one was sent, so what can be relied on is the latest sending of a
/// confirmed request plus the shortest time to live among those under way with it.
struct LeaseTrust: Sendable {
    typealias Instant = Moment

    private(set) var until: Instant
    /// Requests under way.
    private(set) var inFlight = 0
    private var shortest: Duration?

    /// No trust at all.
    init(nothingSince start: Instant) { until = start }

    /// A request that sets the server's deadline is about to leave.
    mutating func sent(_ now: Instant, trusted: Duration, maySettleEarlier: Bool = false) {
        inFlight += 1
        shortest = min(shortest ?? trusted, trusted)
        if maySettleEarlier, now + trusted < until { until = now + trusted }
    }

    /// The server did what the request sent then asked for.
    mutating func confirmed(sentAt: Instant) {
        if let shortest { until = max(until, sentAt + shortest) }
        settled()
    }

    /// A request failed, was refused, or nobody knows.
    mutating func settled() {
        inFlight -= 1
        if inFlight == 0 { shortest = nil }
    }
}
