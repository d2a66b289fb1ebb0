public import RedisCore

/// How codes look, how long they live and how often they may be tried; every field has a default that suits most.
///
/// With the defaults somebody who tries all the time has 25 guesses an hour at one id in the long run: one in 40,000 of
/// a million codes. In some hour it may be 30, as a code that was sent before it can still be tried.
public struct OneTimeCodeOptions: Sendable {
    /// Digits of a code, 4 to 10; 6.
    public var length: Int
    /// How long a code is accepted, 1 s to 30 days; 5 minutes.
    public var life: Duration
    /// Attempts at one code, the right one included, 1 to 100; 5.
    public var attempts: Int
    /// The least time between two codes for the same id and purpose, zero for none, at most ``period``; none.
    public var minimumInterval: Duration
    /// The most codes for the same id and purpose within ``period``, 1 to 100; 5.
    ///
    /// A new code brings new attempts: this is what bounds them in all.
    public var maxCodes: Int
    /// The time within which ``maxCodes`` are counted, 1 s to 30 days; an hour.
    public var period: Duration
    /// A secret of the application for the digests that are stored, the same in all of its processes.
    ///
    /// Without it whoever can read Redis can find a code by trying the million there are; with it they cannot. Changing
    /// it voids the codes that are out.
    public var key: Secret?
    /// How long one call waits for Redis at most, 1 ms to 24 hours; 1 s.
    public var timeout: Duration

    /// The defaults of the field, unless told otherwise.
    public init(
        length: Int = 6, life: Duration = .seconds(300), attempts: Int = 5, minimumInterval: Duration = .zero,
        maxCodes: Int = 5, period: Duration = .seconds(3_600), key: Secret? = nil, timeout: Duration = .seconds(1)
    ) {
        self.length = length
        self.life = life
        self.attempts = attempts
        self.minimumInterval = minimumInterval
        self.maxCodes = maxCodes
        self.period = period
        self.key = key
        self.timeout = timeout
    }

    /// What cannot work; every call throws it.
    func flaw() -> CacheError? {
        let month = Duration.seconds(30 * 86_400)
        let text: String? =
            if !(4...10).contains(length) {
                "a code has \(length) digits; give 4 to 10"
            } else if life < .seconds(1) || life > month {
                "a code lives for \(life); give 1 s to 30 days"
            } else if !(1...100).contains(attempts) {
                "a code may be tried \(attempts) times; give 1 to 100"
            } else if period < .seconds(1) || period > month {
                "codes are counted for \(period); give 1 s to 30 days"
            } else if minimumInterval < .zero || minimumInterval > period {
                "the least time between two codes is \(minimumInterval); give zero to \(period)"
            } else if !(1...100).contains(maxCodes) {
                "there may be \(maxCodes) codes; give 1 to 100"
            } else if let key, key.value.isEmpty {
                "the key is empty; give a secret, or nil"
            } else {
                nil
            }
        if let text { return CacheError(.invalidArgument, operation: "configure", message: text) }
        do throws(CacheError) {
            _ = try timeout.cacheMilliseconds("the time-out", operation: "configure")
        } catch {
            return error
        }
        return nil
    }
}
