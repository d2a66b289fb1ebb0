import RedisCore

/// The decisions about several locks at once, each in one script; all are safe to repeat with the same token.
///
/// The keys are those of the single locks, so that each excludes the other. They lie in different cluster slots: these
/// scripts need one server, and a router by slot has to refuse them.
enum MultiLockScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1…n] | the locks: strings, the holders' tokens |
    /// | KEYS[n + 1…2n] | their fences: hashes {last, token} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the fence keys' life, ms |
    /// | returns | {one fence for all (> 0), 0} when all were granted; otherwise {−(ms left + 2), which one is held} and nothing is changed |
    ///
    /// The fence is larger than that of every earlier holder of any of the locks.
    static let acquire = RedisScript(
        "locks.acquire", isSafeToRepeat: true,
        """
        local n = #KEYS / 2
        local mine, last = 0, 0
        for i = 1, n do
            local held = redis.call('GET', KEYS[i])
            if held and held ~= ARGV[1] then return {-redis.call('PTTL', KEYS[i]) - 2, i} end
            local seen = redis.call('HMGET', KEYS[n + i], 'last', 'token')
            if held and seen[2] == ARGV[1] then mine = mine + 1 end
            last = math.max(last, tonumber(seen[1] or 0))
        end
        local fence = last
        if mine < n then
            local now = redis.call('TIME')
            fence = tonumber(now[1]) * 1000000 + tonumber(now[2])
            if last >= fence then fence = last + 1 end
        end
        for i = 1, n do
            redis.call('SET', KEYS[i], ARGV[1], 'PX', ARGV[2])
            redis.call('HSET', KEYS[n + i], 'last', string.format('%.0f', fence), 'token', ARGV[1])
            redis.call('PEXPIRE', KEYS[n + i], ARGV[3])
        end
        return {fence, 0}
        """)

    /// Whose all the locks are, into the local `answer`: 1 the token's, 0 one is absent, −1 one has another holder.
    private static let verdict = """
        local answer = 1
        for _, key in ipairs(KEYS) do
            local held = redis.call('GET', key)
            if held ~= ARGV[1] then answer = math.min(answer, held and -1 or 0) end
        end
        """

    /// | | |
    /// |---|---|
    /// | KEYS[n] | the locks |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | what a wake channel adds to its key |
    /// | returns | 1 all renewed, 0 one is absent, −1 one has another holder |
    ///
    /// When one is gone the lease is lost as a whole, and the others are given back in the same step.
    static let renew = RedisScript(
        "locks.renew", isSafeToRepeat: true,
        """
        \(verdict)
        for _, key in ipairs(KEYS) do
            if answer == 1 then
                redis.call('PEXPIRE', key, ARGV[2])
            elseif redis.call('GET', key) == ARGV[1] then
                redis.call('DEL', key)
                redis.call('PUBLISH', key .. ARGV[3], '')
            end
        end
        return answer
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[n] | the locks |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what a wake channel adds to its key |
    /// | returns | 1 all released, 0 one was absent, −1 one had another holder; those that were held are released |
    static let release = RedisScript(
        "locks.release", isSafeToRepeat: false,
        """
        local answer = 1
        for _, key in ipairs(KEYS) do
            local held = redis.call('GET', key)
            if held == ARGV[1] then
                redis.call('DEL', key)
                redis.call('PUBLISH', key .. ARGV[2], '')
            else
                answer = math.min(answer, held and -1 or 0)
            end
        end
        return answer
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[n] | the locks |
    /// | ARGV[1] | token |
    /// | returns | 1 all held by this token, 0 one is absent, −1 one has another holder |
    static let check = RedisScript(
        "locks.check", isSafeToRepeat: true,
        """
        \(verdict)
        return answer
        """)
}

extension LeaseKind {
    /// Several locks under one token.
    static let locks = LeaseKind(
        noun: "locks", renew: MultiLockScripts.renew, release: MultiLockScripts.release, check: MultiLockScripts.check)
}
