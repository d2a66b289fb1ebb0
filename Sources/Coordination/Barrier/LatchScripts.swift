import RedisCore

/// The decisions of ``CountDownLatch``; both are safe to repeat.
///
/// A hash: `count`, and a field `p:‹id›` for each participant that has counted down.
enum LatchScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the latch |
    /// | ARGV[1] | how many participants there are |
    /// | ARGV[2] | who counts down |
    /// | ARGV[3] | time to live from now, ms |
    /// | ARGV[4] | what the wake channel adds to the key |
    /// | returns | how many are missing, 0 for open; −count when the latch was made for another number |
    static let countDown = RedisScript(
        "latch.countDown", isSafeToRepeat: true,
        """
        local count = redis.call('HGET', KEYS[1], 'count')
        if count and count ~= ARGV[1] then return -tonumber(count) end
        local isNew = redis.call('HSET', KEYS[1], 'count', ARGV[1], 'p:' .. ARGV[2], '1') > 0
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        local missing = tonumber(ARGV[1]) + 1 - redis.call('HLEN', KEYS[1])
        if missing < 0 then missing = 0 end
        if missing == 0 and isNew then redis.call('PUBLISH', KEYS[1] .. ARGV[4], '') end
        return missing
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the latch |
    /// | ARGV[1] | how many participants there are |
    /// | returns | how many are missing, 0 for open; −count when the latch was made for another number |
    static let look = RedisScript(
        "latch.look", isSafeToRepeat: true,
        """
        local count = redis.call('HGET', KEYS[1], 'count')
        if not count then return tonumber(ARGV[1]) end
        if count ~= ARGV[1] then return -tonumber(count) end
        local missing = tonumber(count) + 1 - redis.call('HLEN', KEYS[1])
        if missing < 0 then missing = 0 end
        return missing
        """)
}
