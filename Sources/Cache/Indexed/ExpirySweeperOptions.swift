/// How an ``ExpirySweeper`` works; every field has a default that suits most.
public struct ExpirySweeperOptions: Sendable {
    /// How long an end belongs to the sweeper that claimed it, 100 ms to a day; 60 s.
    ///
    /// Renewed while a handler runs. So long it takes until the ends of a sweeper that died are told by another one.
    public var lease: Duration
    /// How long it rests when nothing is due, 1 ms to an hour; 1 s: the most that a callback is late in a quiet
    /// namespace.
    public var pause: Duration
    /// How many ends are claimed at once, 1 to 1,000; 100.
    ///
    /// With kept values all of them are in memory: no more than 4 MiB at once, or one value.
    public var batch: Int
    /// How many handlers run at once, 1 to 1,000; 8.
    public var concurrency: Int
    /// How long a handler may take, 1 ms to a day, nil for any time; 60 s.
    ///
    /// Then it is cancelled, and the end is told again as if it had thrown.
    public var handlerTimeout: Duration?
    /// The first pause after a handler threw, 1 s; doubled each time up to ``longestRetry``.
    public var firstRetry: Duration
    /// The longest pause after a handler threw; 5 minutes.
    public var longestRetry: Duration
    /// Listens to the server's `expired` events to begin at once instead of after ``pause``; false.
    ///
    /// They need `notify-keyspace-events Ex` on the server. Without it, and when one is lost, nothing is missed.
    public var usesKeyspaceEvents: Bool

    /// The defaults, unless told otherwise.
    public init(
        lease: Duration = .seconds(60), pause: Duration = .seconds(1), batch: Int = 100, concurrency: Int = 8,
        handlerTimeout: Duration? = .seconds(60), firstRetry: Duration = .seconds(1),
        longestRetry: Duration = .seconds(300), usesKeyspaceEvents: Bool = false
    ) {
        self.lease = lease
        self.pause = pause
        self.batch = batch
        self.concurrency = concurrency
        self.handlerTimeout = handlerTimeout
        self.firstRetry = firstRetry
        self.longestRetry = longestRetry
        self.usesKeyspaceEvents = usesKeyspaceEvents
    }

    /// The pause before the next attempt, after this many.
    func retry(after attempts: Int) -> Duration {
        var pause = firstRetry
        for _ in 1..<max(2, min(attempts, 40)) where attempts > 1 && pause < longestRetry { pause = pause * 2 }
        return min(pause, longestRetry)
    }

    func flaw() -> CacheError? {
        func flaw(_ message: String) -> CacheError {
            CacheError(.invalidArgument, operation: "configure", message: message)
        }
        guard lease >= .milliseconds(100), lease <= .seconds(86_400) else {
            return flaw("the sweeper's lease is \(lease); give 100 ms to a day")
        }
        guard pause >= .milliseconds(1), pause <= .seconds(3_600) else {
            return flaw("the sweeper's pause is \(pause); give 1 ms to an hour")
        }
        guard (1...1_000).contains(batch), (1...1_000).contains(concurrency) else {
            return flaw("the sweeper's batch is \(batch), its concurrency \(concurrency); give 1 to 1000")
        }
        if let handlerTimeout, !(Duration.milliseconds(1)...Duration.seconds(86_400)).contains(handlerTimeout) {
            return flaw("the sweeper's handlers may take \(handlerTimeout); give 1 ms to a day, or nil")
        }
        guard firstRetry >= .milliseconds(1), firstRetry <= longestRetry, longestRetry <= .seconds(86_400) else {
            return flaw("the sweeper retries after \(firstRetry) to \(longestRetry); give 1 ms to a day")
        }
        return nil
    }
}
