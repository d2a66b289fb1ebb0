import RedisCore

/// What an administrator may do to a lock without being its holder, each in one script; safe to repeat with the same
/// request id.
///
/// All announce what they did on the audit channel, in the same step: JSON with `event` (`released` or `takenOver`),
/// `name`, `key`, `by`, `reason`, `at` (server time, µs), `previousHolder` (the first 8 digits of its token, or null),
/// `previousFence` (or null), for a take-over `fence`, and for a read-write lock `readers`, how many lost it.
enum ForceScripts {
    /// Defines `announce`, which needs `text`, `now` (µs), `held` (a token or false) and `last` (the last fence or
    /// false).
    static let announce = """
        local function announce(channel, event, name, by, reason, more)
            local json = '{"event":"' .. event .. '","name":' .. cjson.encode(name) .. ',"key":' ..
                cjson.encode(KEYS[1]) .. ',"by":' .. cjson.encode(by) .. ',"reason":' .. cjson.encode(reason) ..
                ',"at":' .. text(now) .. ',"previousHolder":' ..
                (held and cjson.encode(string.sub(held, 1, 8)) or 'null') .. ',"previousFence":' ..
                (held and last or 'null') .. (more or '') .. '}'
            redis.call('PUBLISH', channel, json)
        end

        """

    private static let prologue = """
        local function text(number) return string.format('%.0f', number) end
        local held = redis.call('GET', KEYS[1])
        local seen = redis.call('HMGET', KEYS[2], 'last', 'token', 'forced', 'before')
        local last = seen[1]
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

        """ + announce

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | KEYS[2] | its fence: hash {last, token, forced, before} |
    /// | ARGV[1] | request id |
    /// | ARGV[2] | what a wake channel adds to its key |
    /// | ARGV[3] | the audit channel |
    /// | ARGV[4] | the lock's name |
    /// | ARGV[5] | who |
    /// | ARGV[6] | why |
    /// | ARGV[7] | the fence key's life, ms |
    /// | returns | {1, fence of the holder that lost it, its token's first 8 digits} released (also when this request had done it before); {0} nobody held it |
    static let release = RedisScript(
        "lock.forceRelease", isSafeToRepeat: true,
        prologue + """
            if seen[3] == ARGV[1] then return {1, tonumber(seen[1] or 0), seen[4]} end
            if not held then return {0} end
            redis.call('DEL', KEYS[1])
            redis.call('HSET', KEYS[2], 'forced', ARGV[1], 'before', string.sub(held, 1, 8))
            redis.call('PEXPIRE', KEYS[2], ARGV[7])
            announce(ARGV[3], 'released', ARGV[4], ARGV[5], ARGV[6])
            redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
            return {1, tonumber(seen[1] or 0), string.sub(held, 1, 8)}
            """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | KEYS[2] | its fence: hash {last, token} |
    /// | ARGV[1] | the new holder's token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the audit channel |
    /// | ARGV[4] | the lock's name |
    /// | ARGV[5] | who |
    /// | ARGV[6] | why |
    /// | ARGV[7] | the fence key's life, ms |
    /// | returns | a new fence (> 0); the same for the same token; −1 for a token that had it before and lost it: a repeated request takes nothing from who came after |
    static let takeOver = RedisScript(
        "lock.takeOver", isSafeToRepeat: true,
        prologue + """
            if held == ARGV[1] and seen[2] == ARGV[1] then
                redis.call('PEXPIRE', KEYS[1], ARGV[2])
                return tonumber(seen[1])
            end
            if seen[3] == ARGV[1] then return -1 end
            local newest = tonumber(seen[1] or 0)
            local fence = now
            if newest >= fence then fence = newest + 1 end
            redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
            redis.call('HSET', KEYS[2], 'last', text(fence), 'token', ARGV[1], 'forced', ARGV[1],
                'before', string.sub(held or '', 1, 8))
            redis.call('PEXPIRE', KEYS[2], ARGV[7])
            announce(ARGV[3], 'takenOver', ARGV[4], ARGV[5], ARGV[6], ',"fence":' .. text(fence))
            return fence
            """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the lock |
    /// | KEYS[2] | its fence |
    /// | returns | {the token's first 8 digits or false, ms left or −1, the last fence or false}; ms is −2 when nobody holds it |
    static let inspect = RedisScript(
        "lock.inspect", isSafeToRepeat: true,
        """
        local held = redis.call('GET', KEYS[1])
        return {held and string.sub(held, 1, 8), redis.call('PTTL', KEYS[1]), redis.call('HGET', KEYS[2], 'last')}
        """)
}
