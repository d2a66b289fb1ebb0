import RedisCore

/// A rule: so many calls in so much time.
///
/// ```swift
/// let perMinute = try RateLimit(100, per: .seconds(60))
/// let bursts = try RateLimit(600, per: "1m", algorithm: .tokenBucket(burst: 20), name: "bursts")
/// ```
public struct RateLimit: Sendable, Hashable {
    /// How admitted calls are remembered; what each one promises and costs stands in `docs/guarantees.md`.
    public enum Algorithm: Sendable, Hashable {
        /// ``slidingWindowLog`` up to a limit of 500, ``slidingWindowBuckets(count:)`` above.
        case automatic
        /// Every admitted call with its time: exact, about 20 bytes a call; limits up to 10,000.
        case slidingWindowLog
        /// The window in `count` parts (2 to 1,000): never admits too much, gives calls back up to a part late.
        case slidingWindowBuckets(count: Int = 60)
        /// A steady rate of `limit` per window after a burst (GCRA): up to `limit + burst` in a window.
        case tokenBucket(burst: Int)
        /// Counts from the first call to the end of its window: up to twice the limit around that end.
        case fixedWindow
    }

    /// Whose calls are counted together.
    public enum Scope: Sendable, Hashable {
        /// Those of one key.
        case eachKey
        /// Those of all keys of the limiter.
        case allKeys
    }

    /// Calls in a window; with a token bucket, the steady rate.
    public let limit: Int
    /// The time that ``limit`` is about, in whole milliseconds.
    public let window: Duration
    /// Never `.automatic`: that is resolved when the rule is made.
    public let algorithm: Algorithm
    /// Names the rule in verdicts and header fields; `100/1m` unless given.
    public let name: String
    /// Whose calls are counted together.
    public let scope: Scope

    /// The most that one call may cost: the burst of a token bucket, otherwise the limit.
    public var capacity: Int { if case .tokenBucket(let burst) = algorithm { burst } else { limit } }

    /// A rule; what cannot work is refused here, not when it is used.
    ///
    /// - Parameters:
    ///   - limit: 1 to 1,000,000,000; with a log at most 10,000.
    ///   - window: 1 ms to 366 days, in whole milliseconds.
    ///   - algorithm: Exact and bounded unless chosen otherwise.
    ///   - name: 1 to 64 printable ASCII characters.
    ///   - scope: `.allKeys` limits a limiter as a whole, beside what each key may do.
    /// - Throws: `invalidArgument`.
    public init(
        _ limit: Int, per window: Duration, algorithm: Algorithm = .automatic, name: String? = nil,
        scope: Scope = .eachKey
    ) throws(CoordinationError) {
        self.limit = limit
        self.window = window
        self.algorithm = Self.resolved(algorithm, limit)
        self.name = name ?? "\(limit)/\(DurationText.text(window))"
        self.scope = scope
        if let flaw = flaw { throw CoordinationError(.invalidArgument, operation: "limit", message: flaw) }
    }

    /// A rule with its window as text: digits and one of ms, s, m, h, d, such as `500ms`, `30s`, `1m`, `1h`, `1d`.
    ///
    /// Anything else is refused with `invalidArgument`.
    public init(
        _ limit: Int, per window: String, algorithm: Algorithm = .automatic, name: String? = nil,
        scope: Scope = .eachKey
    ) throws(CoordinationError) {
        guard let duration = DurationText.parse(window) else {
            throw CoordinationError(
                .invalidArgument, operation: "limit", message: "the window is not a duration: \(DurationText.form)")
        }
        try self.init(limit, per: duration, algorithm: algorithm, name: name, scope: scope)
    }

    /// For rules that are known to be right.
    private init(preset limit: Int, name: String) {
        self.limit = limit
        window = .seconds(60)
        algorithm = Self.resolved(.automatic, limit)
        self.name = name
        scope = .eachKey
    }

    private static func resolved(_ algorithm: Algorithm, _ limit: Int) -> Algorithm {
        guard case .automatic = algorithm else { return algorithm }
        return limit <= 500 ? .slidingWindowLog : .slidingWindowBuckets()
    }
}

// MARK: - Presets

extension RateLimit {
    /// 100 a minute, meant for each client address: `check(ip)`.
    public static let api = RateLimit(preset: 100, name: "api")
    /// 5 a minute for attempts to log in, meant for each address: `check("auth:" + ip)`.
    public static let auth = RateLimit(preset: 5, name: "auth")
    /// 60 a minute for each user, or address while there is no user: `check(id.map { "user:" + $0 } ?? ip)`.
    public static let user = RateLimit(preset: 60, name: "user")
}

// MARK: - Validation

extension RateLimit {
    static let longestWindow = Duration.seconds(366 * 86_400)
    private static let largest = 1_000_000_000

    /// Why the rule cannot work; nil when it can.
    private var flaw: String? {
        guard (1...Self.largest).contains(limit) else {
            return "the limit is \(limit); it must be between 1 and 1,000,000,000"
        }
        guard window >= .milliseconds(1), window <= Self.longestWindow,
            window.attoseconds % 1_000_000_000_000_000 == 0
        else { return "the window is \(window); it must be between 1 ms and 366 days, in whole milliseconds" }
        guard (1...64).contains(name.utf8.count), name.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            return "a rule's name must have 1 to 64 printable ASCII characters: it is sent in header fields"
        }
        switch algorithm {
        case .slidingWindowLog where limit > 10_000:
            return "a log of \(limit) calls is too long (at most 10,000); use buckets"
        case .slidingWindowBuckets(let count) where !(2...1_000).contains(count):
            return "the window has \(count) buckets; it must have 2 to 1,000"
        case .tokenBucket(let burst): return flaw(ofBurst: burst)
        default: return nil
        }
    }

    private func flaw(ofBurst burst: Int) -> String? {
        guard (1...Self.largest).contains(burst) else {
            return "the burst is \(burst); it must be between 1 and 1,000,000,000"
        }
        // The server counts in doubles, which are exact up to here.
        let (full, overflow) = rate.weight.multipliedReportingOverflow(by: Int64(burst))
        guard !overflow, full <= 1 << 52 else {
            return "a burst of \(burst) at \(limit) in \(window) is finer than Redis can count exactly; "
                + "use a shorter window or rounder numbers"
        }
        return nil
    }
}
