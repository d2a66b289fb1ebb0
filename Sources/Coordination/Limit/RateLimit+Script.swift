import RedisCore

/// A rule as the scripts and the keys know it.
extension RateLimit {
    var windowMilliseconds: Int64 { Int64(window.attoseconds / 1_000_000_000_000_000) }
    private var windowMicroseconds: Int64 { windowMilliseconds * 1_000 }

    /// A token bucket in whole numbers: each call adds `weight`, each microsecond takes `leak` away.
    var rate: (leak: Int64, weight: Int64) {
        let divisor = Self.greatestCommonDivisor(Int64(limit), windowMicroseconds)
        return (Int64(limit) / divisor, windowMicroseconds / divisor)
    }

    /// The script's name for the algorithm and its three numbers.
    var arguments: [String] {
        switch algorithm {
        case .automatic, .slidingWindowLog: ["log", "\(limit)", "\(windowMicroseconds)", "0"]
        case .slidingWindowBuckets(let count): ["buckets", "\(limit)", "\(windowMicroseconds)", "\(count)"]
        case .tokenBucket(let burst): ["tokens", "\(rate.leak)", "\(rate.weight)", "\(burst)"]
        case .fixedWindow: ["fixed", "\(limit)", "\(windowMicroseconds)", "0"]
        }
    }

    /// All that decides what a record means, as it stands at the end of the record's key: `log-100-60000`.
    ///
    /// The window is in milliseconds, a third number is the number of buckets or the burst.
    var spec: String {
        switch algorithm {
        case .automatic, .slidingWindowLog: "log-\(limit)-\(windowMilliseconds)"
        case .slidingWindowBuckets(let count): "buckets-\(limit)-\(windowMilliseconds)-\(count)"
        case .tokenBucket(let burst): "tokens-\(limit)-\(windowMilliseconds)-\(burst)"
        case .fixedWindow: "fixed-\(limit)-\(windowMilliseconds)"
        }
    }

    /// What a limiter announces of the rule: the spec, with `all-` before one that all keys share.
    var announced: String { (scope == .allKeys ? "all-" : "") + spec }

    /// nil when the text was written by something else.
    init?(announced text: String) {
        var parts = text.split(separator: "-", omittingEmptySubsequences: false)[...]
        let isShared = parts.first == "all"
        if isShared { parts.removeFirst() }
        let kind = parts.popFirst()
        let numbers = parts.compactMap { Int($0) }
        guard numbers.count == parts.count, numbers.count >= 2 else { return nil }
        let algorithm: Algorithm
        switch (kind, numbers.count) {
        case ("log", 2): algorithm = .slidingWindowLog
        case ("fixed", 2): algorithm = .fixedWindow
        case ("buckets", 3): algorithm = .slidingWindowBuckets(count: numbers[2])
        case ("tokens", 3): algorithm = .tokenBucket(burst: numbers[2])
        default: return nil
        }
        do throws(CoordinationError) {
            try self.init(
                numbers[0], per: .milliseconds(numbers[1]), algorithm: algorithm, scope: isShared ? .allKeys : .eachKey)
        } catch {
            return nil
        }
    }

    private static func greatestCommonDivisor(_ one: Int64, _ other: Int64) -> Int64 {
        var (one, other) = (one, other)
        while other != 0 { (one, other) = (other, one % other) }
        return max(one, 1)
    }
}
