import RedisCore

/// The scripts of a write through the cache: before the source is changed, and after.
///
/// While a source changes nobody can know which of its values a load or another writer has seen. So from `begin` to
/// `finish` of the last writer no load may fill the entry, and a writer fills it only if it was alone all that time.
/// Two writers at once leave no entry at all, whatever the order in which the source took their values.
enum WriteScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | KEYS[3] | its writers: tokens by the end of their leases, µs |
    /// | ARGV[1] | the writer's token |
    /// | ARGV[2] | how long the change may take, ms |
    /// | returns | the server's time, µs |
    ///
    /// The entry is deleted here and not only at the end: a process that dies in between leaves nothing that is old,
    /// only a lease that lapses. The lease is the writer's own if it is alone; else nobody's, and nobody fills. Called
    /// twice it does the same: the change of the source has not begun.
    static let begin = RedisScript(
        "cache.write.begin", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        redis.call('UNLINK', KEYS[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now))
        redis.call('ZADD', KEYS[3], string.format('%.0f', now + tonumber(ARGV[2]) * 1000), ARGV[1])
        local life = string.format('%.0f', math.max(redis.call('PTTL', KEYS[3]), tonumber(ARGV[2])))
        redis.call('PEXPIRE', KEYS[3], life)
        local owner = redis.call('ZCARD', KEYS[3]) == 1 and ARGV[1] or '~'
        redis.call('SET', KEYS[2], owner, 'PX', life)
        return now
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | KEYS[3] | its writers |
    /// | ARGV[1] | the writer's token |
    /// | ARGV[2] | the entry's bytes; empty to leave none |
    /// | ARGV[3] | time to live, ms; empty for none |
    /// | ARGV[4] | what the wake channel adds to the lease's key |
    /// | returns | 1 written; 0 no entry is left |
    ///
    /// The lease is not the writer's any more when another one began, a load did after the lease had lapsed, or
    /// something set or deleted the entry: any of them may have seen the older value, so their right to fill ends too.
    /// The repetition of a call that was executed finds its own bytes, which contain its time.
    static let finish = RedisScript(
        "cache.write.finish", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        redis.call('ZREM', KEYS[3], ARGV[1])
        redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', string.format('%.0f', now))
        local others = redis.call('ZCARD', KEYS[3])
        if ARGV[2] ~= '' and others == 0 then
            if redis.call('GET', KEYS[2]) == ARGV[1] then
                if ARGV[3] == '' then
                    redis.call('SET', KEYS[1], ARGV[2])
                else
                    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
                end
                redis.call('DEL', KEYS[2])
                redis.pcall('PUBLISH', KEYS[2] .. ARGV[4], '')
                return 1
            end
            if redis.pcall('GET', KEYS[1]) == ARGV[2] then return 1 end
        end
        redis.call('UNLINK', KEYS[1])
        if others > 0 then
            redis.call('SET', KEYS[2], '~', 'PX', math.max(1, redis.call('PTTL', KEYS[3])))
        elseif redis.call('DEL', KEYS[2]) == 1 then
            redis.pcall('PUBLISH', KEYS[2] .. ARGV[4], '')
        end
        return 0
        """)
}
