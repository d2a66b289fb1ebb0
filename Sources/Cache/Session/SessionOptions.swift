/// How long sessions live, and what they may hold; every field has a default that suits most.
public struct SessionOptions: Sendable {
    /// The life of a session for which nothing else is said; 24 hours idle, 7 days in all.
    public var life: SessionLife
    /// The most sessions of one user, 1 to 1,000: a new one ends the oldest beyond; nil for no limit.
    public var maxPerUser: Int?
    /// For how long it is known why a session ended: `expired` or `revoked`, 1 s to 30 days; an hour.
    ///
    /// So long the data of an expired session stays in Redis too.
    public var endedFor: Duration
    /// The largest data and the largest metadata of a session as JSON, 1 byte to 512 MiB; 1 MiB.
    public var maxDataBytes: Int
    /// How long one call waits for Redis at most, 1 ms to 24 hours; 1 s.
    public var timeout: Duration

    /// The defaults of the field, unless told otherwise.
    public init(
        life: SessionLife = SessionLife(), maxPerUser: Int? = nil, endedFor: Duration = .seconds(3_600),
        maxDataBytes: Int = 1 << 20, timeout: Duration = .seconds(1)
    ) {
        self.life = life
        self.maxPerUser = maxPerUser
        self.endedFor = endedFor
        self.maxDataBytes = maxDataBytes
        self.timeout = timeout
    }

    /// What cannot work; every call of the store throws it.
    func flaw() -> CacheError? {
        func flaw(_ message: String) -> CacheError {
            CacheError(.invalidArgument, operation: "configure", message: message)
        }
        do throws(CacheError) {
            _ = try life.milliseconds("configure")
            _ = try timeout.cacheMilliseconds("the time-out", operation: "configure")
        } catch {
            return error
        }
        guard endedFor >= .seconds(1), endedFor <= .seconds(30 * 86_400) else {
            return flaw("ended sessions are remembered for \(endedFor); give 1 s to 30 days")
        }
        if let maxPerUser, !(1...1_000).contains(maxPerUser) {
            return flaw("a user may have \(maxPerUser) sessions; give 1 to 1,000, or nil")
        }
        guard (1...512 << 20).contains(maxDataBytes) else {
            return flaw("the largest data of a session is \(maxDataBytes) bytes; give 1 to \(512 << 20)")
        }
        return nil
    }

    var endedMilliseconds: Int64 { Int64(endedFor.attoseconds / 1_000_000_000_000_000) }
}

/// How long a session lives; it is the session's own from its creation on, whatever store refreshes it.
public struct SessionLife: Sendable, Hashable {
    /// It ends when it was not refreshed for so long, 1 ms to ten years.
    public var idle: Duration
    /// It ends then, however often it is refreshed, 1 ms to ten years.
    public var absolute: Duration

    /// 24 hours idle and 7 days in all, unless told otherwise.
    public init(idle: Duration = .seconds(86_400), absolute: Duration = .seconds(7 * 86_400)) {
        self.idle = idle
        self.absolute = absolute
    }

    func milliseconds(_ operation: String) throws(CacheError) -> (idle: Int64, absolute: Int64) {
        (
            try idle.cacheMilliseconds("a session's idle time", operation: operation),
            try absolute.cacheMilliseconds("a session's longest life", operation: operation)
        )
    }
}
