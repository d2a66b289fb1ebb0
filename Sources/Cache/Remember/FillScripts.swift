import RedisCore

/// The scripts of the fill lease: who may write a loaded value, and until when.
///
/// The lease is a key of its own beside the entry. It holds its owner's token, or `!` and the server's time, µs, of a
/// load that failed. Every other script that changes an entry deletes its lease first; so a lease that is still its
/// owner's says that nothing was set or deleted since it was granted. (Nishtala et al., NSDI 2013, §3.2.1.)
enum FillScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | ARGV[1] | the caller's token |
    /// | ARGV[2] | how long the load may take, ms |
    /// | ARGV[3] | the print of the entry that the caller wants to replace, empty for none: ``EntryPrint`` |
    /// | ARGV[4] | how long a failed load is respected, ms |
    /// | returns | {1, server time in µs} granted; {0, ms left} held; {2, ms left} failed lately; {3, 0} there is another entry now |
    ///
    /// The same token is granted again, with a later time: its load has not begun. A value of another kind (a list) is
    /// taken for none, as MGET does.
    static let acquire = RedisScript(
        "cache.fill.acquire", isSafeToRepeat: true,
        """
        local print = ''
        local size = redis.pcall('STRLEN', KEYS[1])
        if type(size) == 'number' and size > 0 then print = redis.call('GETRANGE', KEYS[1], 0, 13) .. size end
        if print ~= '' and print ~= ARGV[3] then return {3, 0} end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local lease = redis.call('GET', KEYS[2])
        if lease and lease ~= ARGV[1] then
            local left = redis.call('PTTL', KEYS[2])
            if string.sub(lease, 1, 1) ~= '!' then return {0, left} end
            local rest = tonumber(string.sub(lease, 2)) + tonumber(ARGV[4]) * 1000 - now
            if rest > 0 then return {2, math.min(left, math.ceil(rest / 1000))} end
        end
        redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
        return {1, now}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | ARGV[1] | the caller's token |
    /// | ARGV[2] | the entry's bytes |
    /// | ARGV[3] | time to live, ms; empty for none |
    /// | ARGV[4] | what the wake channel adds to the lease's key |
    /// | returns | 1 written; 0 the lease is not the caller's any more, nothing was changed |
    ///
    /// The repetition of a fill that was executed finds its own bytes, which no other load has: they contain the time.
    static let fill = RedisScript(
        "cache.fill", isSafeToRepeat: true,
        """
        if redis.call('GET', KEYS[2]) ~= ARGV[1] then
            return redis.pcall('GET', KEYS[1]) == ARGV[2] and 1 or 0
        end
        if ARGV[3] == '' then
            redis.call('SET', KEYS[1], ARGV[2])
        else
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        redis.call('DEL', KEYS[2])
        redis.pcall('PUBLISH', KEYS[2] .. ARGV[4], '')
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the fill lease |
    /// | ARGV[1] | the caller's token |
    /// | ARGV[2] | for how long others shall not load because this load failed, ms; empty for not at all |
    /// | ARGV[3] | what the wake channel adds to the lease's key |
    /// | returns | 1 given back; 0 it was not the caller's |
    static let drop = RedisScript(
        "cache.fill.drop", isSafeToRepeat: true,
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        if ARGV[2] == '' then
            redis.call('DEL', KEYS[1])
        else
            local time = redis.call('TIME')
            local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
            redis.call('SET', KEYS[1], '!' .. string.format('%.0f', now), 'PX', ARGV[2])
        end
        redis.pcall('PUBLISH', KEYS[1] .. ARGV[3], '')
        return 1
        """)
}
