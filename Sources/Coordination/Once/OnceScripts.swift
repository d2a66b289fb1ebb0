import RedisCore

/// The decisions of ``TaskCoordinator``, each in one script; all are safe to repeat with the same token.
///
/// One hash per task: `state` (running | done | failed), `token`, `owner`, `fence`, and `until` (server µs) while it
/// runs, `result` (JSON) when it is done, `error` (a type's name) when its failure is remembered. The hash outlives the
/// lease so that a successor can tell a takeover from a first run.
enum OnceScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | lease, ms |
    /// | ARGV[3] | how long the record outlives the lease, ms |
    /// | ARGV[4] | owner |
    /// | returns | {1, fence, taken over 0/1} claimed; {0, owner, ms left} in progress; {2, result or false} done; {3, owner, error} failed |
    ///
    /// A lease that ends later than a whole lease from now was written before the server's clock went back: it is cut
    /// to one lease, so that a crashed owner cannot block the task for the length of the jump.
    static let claim = RedisScript(
        "once.claim", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token', 'owner', 'fence', 'until', 'lease', 'taken')
        if r[1] == 'done' then return {2, redis.call('HGET', KEYS[1], 'result')} end
        if r[1] == 'failed' then return {3, r[3], redis.call('HGET', KEYS[1], 'error')} end
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
            if left > 0 then return {0, r[3], math.ceil(left / 1000)} end
            taken = 1
        end
        local fence = now
        local last = tonumber(r[4] or 0)
        if last >= fence then fence = last + 1 end
        redis.call('HSET', KEYS[1], 'state', 'running', 'token', ARGV[1], 'owner', ARGV[4],
            'fence', string.format('%.0f', fence), 'until', string.format('%.0f', now + tonumber(ARGV[2]) * 1000),
            'lease', ARGV[2], 'taken', taken)
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
    static let release = RedisScript(
        "once.release", isSafeToRepeat: false,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token')
        if r[1] ~= 'running' then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        redis.call('DEL', KEYS[1])
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

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | ARGV[1] | token |
    /// | ARGV[2] | `done` or `failed` |
    /// | ARGV[3] | the field to write: `result`, `error`, or empty for none |
    /// | ARGV[4] | its value |
    /// | ARGV[5] | how long the outcome is kept, ms |
    /// | ARGV[6] | what the wake channel adds to the key |
    /// | returns | 1 recorded (also when this token had recorded it before), 0 absent, −1 another owner |
    ///
    /// A lease that lapsed without a successor may still finish: nobody else has begun the task.
    static let finish = RedisScript(
        "once.finish", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token')
        if not r[1] then return 0 end
        if r[2] ~= ARGV[1] then return -1 end
        if r[1] ~= 'running' then return 1 end
        redis.call('HSET', KEYS[1], 'state', ARGV[2])
        redis.call('HDEL', KEYS[1], 'until', 'lease')
        if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], ARGV[3], ARGV[4]) end
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
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
}
