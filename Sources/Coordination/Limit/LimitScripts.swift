import RedisCore

/// The decision of a limiter: one script, put together from the algorithms that a limiter's rules need.
///
/// | | |
/// |---|---|
/// | KEYS[i] | the record of rule i |
/// | ARGV[1] | who asks: a number that no other call of this key has; negative when the call is repeated because its reply was lost; 0 to look without counting |
/// | ARGV[2] | what it costs, 1 or more; negative: at most that much |
/// | ARGV[4i−1 … 4i+2] | rule i: its algorithm and three numbers, see ``RateLimit/arguments`` |
/// | returns | {units admitted > 0, or −µs until they can be; the rule that decided (from 1); then for each rule: units left, µs until some come back} |
///
/// All rules admit or none is touched. Only what is admitted is recorded, so asking in vain changes nothing.
///
/// Server time is read once and counts in microseconds, which doubles hold exactly; no time of a client is used. A
/// record that was written later than now (the server's clock went back) counts from now on, so that nobody is shut
/// out for the length of the jump; that is written down at once, because a client that is refused writes nothing.
///
/// A repeated call finds its number: in a log for as long as it counts, with buckets among the last eight admitted
/// calls of the key, otherwise among the last three. What is not found is decided anew: a call may then count
/// twice, never not at all.
enum LimitScripts {
    static let log = single("limit.log", logRecord)
    static let buckets = single("limit.buckets", numbers + bucketsRecord)
    static let tokens = single("limit.tokens", numbers + tokensRecord)
    static let fixed = single("limit.fixed", numbers + fixedRecord)
    static let several = single("limit.several", logRecord + numbers + bucketsRecord + tokensRecord + fixedRecord)

    /// The script for one rule of a kind.
    static func script(for algorithm: RateLimit.Algorithm) -> RedisScript {
        switch algorithm {
        case .automatic, .slidingWindowLog: log
        case .slidingWindowBuckets: buckets
        case .tokenBucket: tokens
        case .fixedWindow: fixed
        }
    }

    /// Not marked as safe to repeat: who repeats it must say so in ARGV[1].
    private static func single(_ name: String, _ records: String) -> RedisScript {
        RedisScript(name, isSafeToRepeat: false, opening + records + decision)
    }

    /// | | |
    /// |---|---|
    /// | KEYS[1] | what limiters of one name announce: hash rules → server µs |
    /// | ARGV[1] | the rules of this one |
    /// | ARGV[2] | how long an announcement counts, µs |
    /// | ARGV[3] | the key's life, ms |
    /// | returns | the other rules that were announced within that time |
    static let announce = RedisScript(
        "limit.announce", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local all = redis.call('HGETALL', KEYS[1])
        local others = {}
        for i = 1, #all, 2 do
            if math.abs(now - (tonumber(all[i + 1]) or 0)) > tonumber(ARGV[2]) then
                redis.call('HDEL', KEYS[1], all[i])
            elseif all[i] ~= ARGV[1] then
                others[#others + 1] = all[i]
            end
        end
        redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f', now))
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return others
        """)
}
