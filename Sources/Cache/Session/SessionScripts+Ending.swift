extension SessionScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the session |
    /// | KEYS[2] | the user's index |
    /// | ARGV[1] | the session's name |
    /// | ARGV[2] | the request |
    /// | ARGV[3] | how long the end is remembered, ms |
    /// | returns | 1 ended, also when this request had ended it before; 0 there was none, or it had ended |
    ///
    /// Begins with what may be done without memory: somebody who logs out of a full server is logged out.
    static let destroyBody = """
        local r = redis.call('HMGET', KEYS[1], 'ended', 'created_at', 'expires_at', 'by')
        if r[1] then return r[4] == ARGV[2] and 1 or 0 end
        if not r[2] then return 0 end
        local was = redis.call('ZREM', KEYS[2], r[2] .. ':' .. ARGV[1])
        local ended = 'revoked'
        if tonumber(r[3]) <= now then
            ended = 'expired'
            was = 0
        end
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[1], 'ended', ended)
        if was == 1 then redis.call('HSET', KEYS[1], 'by', ARGV[2]) end
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return was
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the user's index |
    /// | KEYS[2] | where it goes, named by the request |
    /// | KEYS[3] | a session that goes on, if there is one |
    /// | ARGV[1] | how long the request is remembered at least, ms |
    /// | ARGV[2] | the name of the session that goes on |
    /// | returns | how many active ones were ended |
    ///
    /// A renaming, whatever the number of sessions. The member `-` tells a repeated request that it was executed.
    /// Begins with a deletion of nothing, which may be done without memory, and so may what follows.
    static let destroyAllBody = """
        if redis.call('EXISTS', KEYS[2]) == 0 then
            redis.call('DEL', KEYS[2])
            local member, score
            if KEYS[3] then
                member = (redis.call('HGET', KEYS[3], 'created_at') or '') .. ':' .. ARGV[2]
                score = redis.call('ZSCORE', KEYS[1], member)
            end
            local left = redis.call('PTTL', KEYS[1])
            if left > 0 then redis.call('RENAME', KEYS[1], KEYS[2]) end
            redis.call('ZADD', KEYS[2], 0, '-')
            outlive(KEYS[2], tonumber(ARGV[1]))
            if score then
                redis.call('ZREM', KEYS[2], member)
                redis.call('ZADD', KEYS[1], score, member)
                redis.call('PEXPIRE', KEYS[1], text(left))
            end
        end
        return redis.call('ZCOUNT', KEYS[2], '(' .. text(now), '+inf')
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the user's index |
    /// | KEYS[2…] | sessions that were ended |
    /// | ARGV[1] | how long the end is remembered, ms |
    /// | ARGV[2…] | their members |
    /// | returns | how many were cleared away |
    ///
    /// Only clears away: whatever the index still has is left alone, and so is what has expired by itself.
    static let buryBody = """
        local count = 0
        for i = 2, #KEYS do
            local expires = redis.call('HGET', KEYS[i], 'expires_at')
            if expires and tonumber(expires) > now and not redis.call('ZSCORE', KEYS[1], ARGV[i]) then
                redis.call('UNLINK', KEYS[i])
                redis.call('HSET', KEYS[i], 'ended', 'revoked')
                redis.call('PEXPIRE', KEYS[i], ARGV[1])
                count = count + 1
            end
        end
        return count
        """
}
