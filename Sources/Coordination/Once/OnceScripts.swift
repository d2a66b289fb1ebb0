import RedisCore

/// The decisions of ``TaskCoordinator``, each in one script; all are safe to repeat with the same token.
///
/// One hash per task: `state` (running | done | failed | freed), `token`, `owner`, `fence`, `began` (server µs),
/// `attempts`, and `until` (server µs) while it runs, `result` when it is done, `error` (a type's name) when its
/// failure is remembered, `print` (what it was claimed for) if that was said. The hash outlives the lease so that a
/// successor can tell a takeover from a first run. A freed one can be claimed; it only tells those who followed the run
/// that it ended.
enum OnceScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | lease, ms |
    /// | ARGV[3] | how long the record outlives the lease, ms |
    /// | ARGV[4] | owner |
    /// | ARGV[5] | the fence of the run that the caller follows; 0 for none |
    /// | ARGV[6] | what the task is claimed for; empty when that is not compared |
    /// | returns | {1, fence, taken over 0/1} claimed; {0, owner, ms left, fence} in progress; {2, result or false} done; {3, owner, error} failed; {4} claimed for something else |
    ///
    /// A lease that ends later than a whole lease from now was written before the server's clock went back: it is cut
    /// to one lease, so that a crashed owner cannot block the task for the length of the jump.
    static let claim = RedisScript(
        "once.claim", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token', 'owner', 'fence', 'until', 'lease', 'taken', 'print',
            'attempts')
        if r[1] and ARGV[6] ~= '' and r[8] ~= ARGV[6] then return {4} end
        if r[1] == 'done' then return {2, redis.call('HGET', KEYS[1], 'result')} end
        if r[1] == 'failed' then return {3, r[3], redis.call('HGET', KEYS[1], 'error')} end
        if r[1] == 'freed' and r[4] == ARGV[5] then return {2, false} end
        if r[1] == 'running' and r[2] == ARGV[1] then return {1, tonumber(r[4]), tonumber(r[7])} end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local taken = 0
        if r[1] == 'running' then
            local left = tonumber(r[5]) - now
            local whole = tonumber(r[6]) * 1000
            if left > whole then
                left = whole
                redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + whole))
            end
            if left > 0 then return {0, r[3], math.ceil(left / 1000), tonumber(r[4])} end
            taken = 1
        end
        local fence = now
        local last = tonumber(r[4] or 0)
        if last >= fence then fence = last + 1 end
        redis.call('HSET', KEYS[1], 'state', 'running', 'token', ARGV[1], 'owner', ARGV[4],
            'fence', string.format('%.0f', fence), 'until', string.format('%.0f', now + tonumber(ARGV[2]) * 1000),
            'began', string.format('%.0f', now), 'lease', ARGV[2], 'taken', taken,
            'attempts', taken == 1 and tonumber(r[9] or 1) + 1 or 1)
        if ARGV[6] ~= '' then redis.call('HSET', KEYS[1], 'print', ARGV[6]) end
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[2]) + tonumber(ARGV[3])))
        return {1, fence, taken}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | lease, ms |
    /// | ARGV[3] | how long the record outlives the lease, ms |
    /// | returns | 1 renewed, 0 absent or finished, −1 another owner |
    static let renew = RedisScript(
        "once.renew", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token')
        if r[1] ~= 'running' then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + tonumber(ARGV[2]) * 1000), 'lease', ARGV[2])
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[2]) + tonumber(ARGV[3])))
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what the wake channel adds to the key |
    /// | returns | 1 given up, 0 absent or finished, −1 another owner |
    ///
    /// A debounced run that is given up has its payload in the record: that lapses instead, for a waiting call to take
    /// over, and does not count as run.
    static let release = RedisScript(
        "once.release", isSafeToRepeat: false,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token')
        if r[1] ~= 'running' then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        if redis.call('HEXISTS', KEYS[1], 'payload') == 1 then
            redis.call('HSET', KEYS[1], 'until', '0', 'token', '')
            redis.call('HDEL', KEYS[1], 'order')
        else
            redis.call('DEL', KEYS[1])
        end
        redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | returns | 1 claimed by this token and not lapsed, 0 absent, finished or lapsed, −1 another owner |
    static let check = RedisScript(
        "once.check", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token', 'until')
        if r[1] ~= 'running' then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        local time = redis.call('TIME')
        if tonumber(r[3]) <= tonumber(time[1]) * 1000000 + tonumber(time[2]) then return 0 end
        return 1
        """)

    /// How long a freed record tells those who followed its run, ms; they ask every 5 s.
    static let linger: Int64 = 60_000

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | `done`, `failed` or `freed` |
    /// | ARGV[3] | the field to write: `result`, `error`, or empty for none |
    /// | ARGV[4] | its value |
    /// | ARGV[5] | how long the outcome is kept, ms |
    /// | ARGV[6] | what the wake channel adds to the key |
    /// | ARGV[7] | 1 when that time counts from the claim, 0 when from now |
    /// | ARGV[8] | how long a freed record is kept, ms |
    /// | returns | 1 recorded (also when this token had recorded it before), 0 absent, −1 another owner |
    ///
    /// A lease that lapsed without a successor may still finish: nobody else has begun the task. An outcome whose time
    /// is over frees the task.
    static let finish = RedisScript(
        "once.finish", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token', 'began')
        if not r[1] then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        if r[1] ~= 'running' then return 1 end
        local state = ARGV[2]
        local keep = tonumber(ARGV[5])
        if ARGV[7] == '1' then
            local time = redis.call('TIME')
            local passed = tonumber(time[1]) * 1000000 + tonumber(time[2]) - tonumber(r[3])
            if passed > 0 then keep = math.ceil(keep - passed / 1000) end
        end
        if keep < 1 then
            state = 'freed'
            keep = tonumber(ARGV[8])
        end
        redis.call('HSET', KEYS[1], 'state', state)
        redis.call('HDEL', KEYS[1], 'until', 'lease', 'payload')
        if ARGV[3] ~= '' and state ~= 'freed' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', keep))
        redis.call('PUBLISH', KEYS[1] .. ARGV[6], '')
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | returns | 1 forgotten, 0 absent or running |
    static let forget = RedisScript(
        "once.forget", isSafeToRepeat: true,
        """
        local state = redis.call('HGET', KEYS[1], 'state')
        if state ~= 'done' and state ~= 'failed' then return 0 end
        return redis.call('DEL', KEYS[1])
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | returns | {state, owner, fence, attempts, ms of the lease left or −1, ms the record lives}; {} when absent or free |
    static let inspect = RedisScript(
        "once.inspect", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'owner', 'fence', 'attempts', 'until')
        if not r[1] or r[1] == 'freed' then return {} end
        local left = -1
        if r[1] == 'running' then
            local time = redis.call('TIME')
            left = math.ceil((tonumber(r[5]) - tonumber(time[1]) * 1000000 - tonumber(time[2])) / 1000)
            if left < 0 then left = 0 end
        end
        return {r[1], r[2], tonumber(r[3]), tonumber(r[4] or 1), left, redis.call('PTTL', KEYS[1])}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | the fence of the run that is meant |
    /// | ARGV[2] | what the wake channel adds to the key |
    /// | returns | 1 gone, 0 another run has the record |
    ///
    /// By fence, so that a repeated request cannot take the task from the next owner.
    static let revoke = RedisScript(
        "once.revoke", isSafeToRepeat: true,
        """
        local fence = redis.call('HGET', KEYS[1], 'fence')
        if not fence then return 1 end
        if fence ~= ARGV[1] then return 0 end
        redis.call('DEL', KEYS[1])
        redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
        return 1
        """)
}
