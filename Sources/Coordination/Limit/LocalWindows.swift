import RedisCore

/// Sliding windows in this process alone, for the time without Redis: sixteen buckets a key, never too many admitted.
///
/// Pure: the owner keeps time. At most 10,000 keys; with more, keys that are over go first, then any: such a key starts
/// afresh.
struct LocalWindows: Sendable {
    static let mostKeys = 10_000
    private static let bucketCount: Int64 = 16

    private struct Window: Sendable {
        var newest: Int64
        /// Oldest first; one more than fit into the window, because the first and the last of them are cut.
        var counts = [Int](repeating: 0, count: Int(bucketCount) + 1)
    }

    let rule: RateLimit
    private let rules: [RateLimit]
    private let length: Int64
    /// By bytes: two texts that Swift takes for the same are two keys in Redis.
    private var windows: [ExactString: Window] = [:]
    /// Keys that are remembered.
    var count: Int { windows.count }

    /// The rule's algorithm is of no account here: it is always sliding buckets.
    init(_ rule: RateLimit) {
        self.rule = rule
        rules = [rule]
        length = (rule.window.nanoseconds + Self.bucketCount - 1) / Self.bucketCount
    }

    /// Counts the call if it fits; `cost` is 1 or more, with `atMost` less will do.
    mutating func check(_ key: String, cost: Int, atMost: Bool, now: Int64) -> RateLimitVerdict {
        let slot = now / length
        let key = ExactString(key)
        var window = windows[key] ?? Window(newest: slot)
        Self.advance(&window, to: slot)
        let free = rule.limit - window.counts.reduce(0, +)
        let units = atMost ? min(cost, free) : cost <= free ? cost : 0
        window.counts[window.counts.count - 1] += units
        if windows[key] == nil, windows.count >= Self.mostKeys { makeRoom(slot) }
        windows[key] = window
        let reset = time(until: 1, in: window, now)
        guard units > 0 else {
            let outcome: RateLimitVerdict.Outcome =
                !atMost && cost > rule.limit
                ? .neverAllowed : .denied(retryAfter: time(until: (atMost ? 1 : cost) - free, in: window, now))
            return RateLimitVerdict(
                outcome, rules: rules, remaining: free, resetAfter: reset, source: .failurePolicy)
        }
        return RateLimitVerdict(
            .allowed, admitted: units, rules: rules, remaining: free - units, resetAfter: reset, source: .failurePolicy)
    }

    private static func advance(_ window: inout Window, to slot: Int64) {
        let passed = Int(min(max(0, slot - window.newest), bucketCount + 1))
        window.counts.removeFirst(passed)
        window.counts.append(contentsOf: repeatElement(0, count: passed))
        window.newest = max(window.newest, slot)
    }

    /// When so many units have come back.
    private func time(until units: Int, in window: Window, _ now: Int64) -> Duration {
        var freed = 0
        for (index, count) in window.counts.enumerated() {
            freed += count
            if freed >= units { return .nanoseconds((window.newest + Int64(index) + 1) * length - now) }
        }
        return .zero
    }

    private mutating func makeRoom(_ slot: Int64) {
        windows = windows.filter { slot - $0.value.newest <= Self.bucketCount }
        while windows.count >= Self.mostKeys, let any = windows.keys.first { windows[any] = nil }
    }
}
