import RedisCore

/// The lock's decisions, each in one script; all are safe to repeat with the same token.
///
/// Server time is read at most once per script (it is not frozen inside one) and formatted with `%.0f`, because
/// Lua's own conversion loses digits of a microsecond epoch.
enum LockScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock: string, the holder's token |
    /// | KEYS[2] | its fence: hash {last, token} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the fence key's life, ms |
    /// | returns | the fence (> 0) when granted; otherwise −(ms left + 2), −1 when the holder's key never expires |
    ///
    /// The same token again gets the same fence: a repeated request whose reply was lost is not a new grant.
    static let acquire = RedisScript(
        "lock.acquire", isSafeToRepeat: true,
        """
        local held = redis.call('GET', KEYS[1])
        if held and held ~= ARGV[1] then
            return -redis.call('PTTL', KEYS[1]) - 2
        end
        local seen = redis.call('HMGET', KEYS[2], 'last', 'token')
        if held and seen[2] == ARGV[1] then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return tonumber(seen[1])
        end
        local now = redis.call('TIME')
        local fence = tonumber(now[1]) * 1000000 + tonumber(now[2])
        local last = tonumber(seen[1] or 0)
        if last and last >= fence then fence = last + 1 end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        redis.call('HSET', KEYS[2], 'last', string.format('%.0f', fence), 'token', ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[3])
        return fence
        """)

    /// ``acquire`` with the constant part of its command encoded.
    static let shortAcquire = TokenScript(acquire, hasSibling: true, hasText: false, numberCount: 2)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms, 1 or more (PEXPIRE with less deletes the key) |
    /// | returns | 1 renewed, 0 absent, −1 another holder |
    static let renew = RedisScript(
        "lock.renew", isSafeToRepeat: true,
        """
        local held = redis.call('GET', KEYS[1])
        if held == ARGV[1] then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return 1
        end
        if held then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[n] | the locks, any number |
    /// | ARGV[2n − 1] | the token for KEYS[n] |
    /// | ARGV[2n] | its time to live, ms, 1 or more |
    /// | returns | an array: 1 renewed, 0 absent, −1 another holder (or a key of another type) |
    ///
    /// The one script here whose keys belong to different objects: its decisions are independent of each other, so a
    /// caller that routes by cluster slot splits it by slot without changing what it means.
    static let renewMany = RedisScript(
        "lock.renewMany", isSafeToRepeat: true,
        """
        local answers = {}
        for i, key in ipairs(KEYS) do
            local held = redis.pcall('GET', key)
            if held == ARGV[2 * i - 1] then
                redis.call('PEXPIRE', key, ARGV[2 * i])
                answers[i] = 1
            elseif held then
                answers[i] = -1
            else
                answers[i] = 0
            end
        end
        return answers
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what the wake channel adds to the key |
    /// | returns | 1 released, 0 absent, −1 another holder |
    ///
    /// Not marked as safe to repeat although it is harmless: who repeats it must know that "absent" may be its own
    /// work.
    static let release = RedisScript(
        "lock.release", isSafeToRepeat: false,
        """
        local held = redis.call('GET', KEYS[1])
        if held == ARGV[1] then
            redis.call('DEL', KEYS[1])
            redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
            return 1
        end
        if held then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | ARGV[1] | token |
    /// | returns | 1 held by this token, 0 absent, −1 another holder |
    static let check = RedisScript(
        "lock.check", isSafeToRepeat: true,
        """
        local held = redis.call('GET', KEYS[1])
        if held == ARGV[1] then return 1 end
        if held then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the resource: string |
    /// | KEYS[2] | the fence seen last at it: string |
    /// | ARGV[1] | the writer's fence |
    /// | ARGV[2] | the value |
    /// | ARGV[3] | the value's time to live, ms; 0 for none |
    /// | ARGV[4] | the guard's life, ms |
    /// | returns | 1 written, 0 refused because a newer fence was seen |
    static let fencedSet = RedisScript(
        "lock.fencedSet", isSafeToRepeat: true,
        """
        local seen = redis.call('GET', KEYS[2])
        if seen and tonumber(seen) > tonumber(ARGV[1]) then return 0 end
        redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[4])
        if ARGV[3] == '0' then
            redis.call('SET', KEYS[1], ARGV[2])
        else
            redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
        end
        return 1
        """)
}

/// How long the keys live that outlast their holder.
enum LifeOfKeys {
    /// 30 days, in milliseconds: no paused writer outlives that.
    ///
    /// Renewed by every grant and every guarded write.
    static let fence: Int64 = 30 * 86_400_000
}
