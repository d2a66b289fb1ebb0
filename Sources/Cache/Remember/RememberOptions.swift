import RedisCore

/// How `remember` loads a value that is missing, waits for others who do, and goes on when loading fails.
///
/// ```swift
/// let cache = RedisCache(redis, prefix: "shop", options: CacheOptions(remember: .failSafe))
/// ```
public struct RememberOptions: Sendable, Hashable {
    /// How long it is remembered that the source has no value, 1 ms to ten years; 30 s.
    ///
    /// Nothing is when nil.
    public var negativeTTL: Duration?
    /// By up to which part of it a time to live is shortened, so that values loaded together do not end together: 0 to
    /// 1; a tenth.
    public var jitter: Double
    /// When a value is loaded again before its end, while callers still get it; after four fifths of its life.
    public var early: EarlyRefresh
    /// Values beyond their end, for when loading fails; none unless given.
    public var failSafe: FailSafe?
    /// How long a caller who has a stale value to fall back on waits for the load, 1 ms and more; to its end when nil.
    ///
    /// The load goes on in the background.
    public var softTimeout: Duration?
    /// How long any caller waits at most, 1 ms and more: a stale value then, or `loadTimedOut`; nil for no such limit.
    ///
    /// Besides reads of Redis, each of which takes at most ``CacheOptions/timeout``. The load goes on in the
    /// background. Without it ``waitForOthers`` and then ``loadLease`` bound the wait.
    public var hardTimeout: Duration?
    /// How long a load may take, 1 ms to ten years; 30 s.
    ///
    /// Then it is cancelled, its waiters get `loadTimedOut`, and another process may load.
    public var loadLease: Duration
    /// Whether a load of another process is waited for; true.
    ///
    /// If not, each process loads once; the value of the one that began first is stored.
    public var acrossProcesses: Bool
    /// How long another process' load is waited for, 1 ms and more; 10 s.
    ///
    /// After that the process loads for itself and stores nothing.
    public var waitForOthers: Duration
    /// How long after a failed load no other process tries, 0 to ten years; 200 ms.
    ///
    /// Callers without a stale value wait that long, then one of them loads.
    public var failurePause: Duration

    /// The defaults of the field, unless told otherwise.
    public init(
        negativeTTL: Duration? = .seconds(30), jitter: Double = 0.1, early: EarlyRefresh = .threshold(0.8),
        failSafe: FailSafe? = nil, softTimeout: Duration? = nil, hardTimeout: Duration? = nil,
        loadLease: Duration = .seconds(30), acrossProcesses: Bool = true, waitForOthers: Duration = .seconds(10),
        failurePause: Duration = .milliseconds(200)
    ) {
        self.negativeTTL = negativeTTL
        self.jitter = jitter
        self.early = early
        self.failSafe = failSafe
        self.softTimeout = softTimeout
        self.hardTimeout = hardTimeout
        self.loadLease = loadLease
        self.acrossProcesses = acrossProcesses
        self.waitForOthers = waitForOthers
        self.failurePause = failurePause
    }

    /// The defaults.
    public static let `default` = RememberOptions()
    /// When loading fails, the last value is served for up to a day; the source is asked again every 30 s.
    public static let failSafe = RememberOptions(failSafe: FailSafe())

    /// When values are loaded again while they are still good; under the fill lease, so one process does it.
    public enum EarlyRefresh: Sendable, Hashable {
        /// Never: the first caller after a value's end waits for the next.
        case off
        /// Once this part of the time to live is over: more than 0, less than 1.
        case threshold(Double)
        /// At a random moment, the earlier the longer a load takes and the larger `beta`, more than 0; 1 is usual.
        ///
        /// XFetch of Vattani, Chierichetti and Lowenstein, VLDB 2015.
        case probabilistic(beta: Double)
    }

    /// Values that are kept beyond their end in case the source fails.
    ///
    /// They are never older than the last delete, tag or namespace invalidation: what was invalidated is not served.
    public struct FailSafe: Sendable, Hashable {
        /// How long beyond its end a value may be served, 1 ms to ten years; a day.
        public var maxStale: Duration
        /// How long after a failed load the stale value is served without trying again, 1 ms to ten years; 30 s.
        public var throttle: Duration

        /// A day and 30 s, unless told otherwise.
        public init(maxStale: Duration = .seconds(86_400), throttle: Duration = .seconds(30)) {
            self.maxStale = maxStale
            self.throttle = throttle
        }
    }
}

extension RememberOptions {
    /// Throws `invalidArgument` for what cannot work.
    func check(_ operation: String) throws(CacheError) {
        _ = try negativeTTL?.cacheMilliseconds("the time to live of a missing value", operation: operation)
        _ = try failSafe?.maxStale.cacheMilliseconds("the longest staleness", operation: operation)
        _ = try failSafe?.throttle.cacheMilliseconds("the throttle", operation: operation)
        _ = try softTimeout?.cacheMilliseconds("the soft time-out", operation: operation)
        _ = try hardTimeout?.cacheMilliseconds("the hard time-out", operation: operation)
        _ = try loadLease.cacheMilliseconds("the lease of a load", operation: operation)
        _ = try waitForOthers.cacheMilliseconds("the wait for others", operation: operation)
        if failurePause != .zero { _ = try failurePause.cacheMilliseconds("the failure pause", operation: operation) }
        guard (0...1).contains(jitter) else {
            throw Self.flaw("the jitter is \(jitter); give 0 to 1", operation)
        }
        switch early {
        case .off: break
        case .threshold(let share):
            guard share > 0, share < 1 else {
                throw Self.flaw("the early refresh begins at \(share); give more than 0 and less than 1", operation)
            }
        case .probabilistic(let beta):
            guard beta > 0, beta.isFinite else {
                throw Self.flaw("the beta of the early refresh is \(beta); give more than 0", operation)
            }
        }
    }

    private static func flaw(_ message: String, _ operation: String) -> CacheError {
        CacheError(.invalidArgument, operation: operation, message: message)
    }

    /// How long one load may take, ms; the range was checked.
    var leaseMilliseconds: Int64 { loadLease.wholeMilliseconds }

    /// How long a failed load keeps others from trying, ms; with a stale value to serve there is no hurry.
    func pauseMilliseconds(_ purpose: FillMachine.Purpose) -> Int64 {
        guard purpose != .miss, let failSafe else { return failurePause.wholeMilliseconds }
        return failSafe.throttle.wholeMilliseconds
    }
}

extension Duration {
    var wholeMilliseconds: Int64 { nanoseconds / 1_000_000 }
}
