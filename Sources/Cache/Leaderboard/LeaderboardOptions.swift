/// How a leaderboard orders, ranks and lives.
public struct LeaderboardOptions: Sendable {
    /// Which scores are the best.
    public enum Order: String, Sendable, Hashable {
        /// Points: the highest.
        case highestFirst = "high"
        /// Times and strokes: the lowest.
        case lowestFirst = "low"
    }

    /// Which place members with the same score have; the first is 1.
    public enum Ranking: Sendable, Hashable {
        /// The same place, and the next one is left out: 1, 1, 3 (ISO "standard competition").
        case standard
        /// A place each, in the order of their bytes: 1, 2, 3.
        case ordinal
    }

    /// Which scores are the best; the highest.
    public var order: Order
    /// Which place equals have; the same.
    public var ranking: Ranking
    /// Which scores a board collects; all.
    public var period: LeaderboardPeriod
    /// Keeps only so many of the best, 1 to 10 million; all when nil.
    ///
    /// Who is cut off is forgotten: an increment begins at 0 again.
    public var keepBest: Int?
    /// How long a board of all time lives from its first score; `.never`, which `.default` means too.
    public var ttl: CacheTTL
    /// How long a request's id is remembered, 1 ms to ten years; 10 minutes.
    public var requestMemory: Duration
    /// How long one call waits for Redis at most; 1 s.
    public var timeout: Duration

    /// The defaults of the field, unless told otherwise.
    public init(
        order: Order = .highestFirst, ranking: Ranking = .standard, period: LeaderboardPeriod = .allTime,
        keepBest: Int? = nil, ttl: CacheTTL = .never, requestMemory: Duration = .seconds(600),
        timeout: Duration = .seconds(1)
    ) {
        self.order = order
        self.ranking = ranking
        self.period = period
        self.keepBest = keepBest
        self.ttl = ttl
        self.requestMemory = requestMemory
        self.timeout = timeout
    }

    /// What cannot work; every call of the board throws it.
    func check(_ operation: String) throws(CacheError) {
        func flaw(_ message: String) -> CacheError {
            CacheError(.invalidArgument, operation: operation, message: message)
        }
        _ = try timeout.cacheMilliseconds("the time-out", operation: operation)
        _ = try requestMemory.cacheMilliseconds("the memory of requests", operation: operation)
        let life = try ttl.milliseconds(default: .never, operation: operation)
        if let keepBest, !(1...10_000_000).contains(keepBest) {
            throw flaw("\(keepBest) members are to be kept; give 1 to 10,000,000")
        }
        guard period != .allTime else { return }
        guard (1...400).contains(period.keep) else {
            throw flaw("\(period.keep) earlier windows are to be kept; give 1 to 400")
        }
        guard life == nil else { throw flaw("a board of a day, week or month ends by itself; leave its ttl .never") }
    }
}
