import RedisCore

/// The decisions of ``FairLocks``, each in one script; all are safe to repeat with the same token.
///
/// Every script gets the same keys:
///
/// | | |
/// |---|---|
/// | KEYS[1] | the lock: string, the holder's token |
/// | KEYS[2] | its fence: hash {last, token} |
/// | KEYS[3] | the queue: sorted set, the waiters' tokens by ticket |
/// | KEYS[4] | sorted set, the waiters' tokens by the end of their leases (server µs) |
///
/// Renewal and check are those of ``LockScripts``: the holder's key is a lock like any other.
enum FairScripts {
    /// The first in the queue whose lease has not ended; the dead ones before it are taken out.
    ///
    /// `longest` (µs, or nil) is a waiter's whole lease: one that ends later than that from now was written before the
    /// server's clock went back, and is cut.
    private static let prologue = """
        local function text(number) return string.format('%.0f', number) end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local function head(longest)
            if longest then
                local late = redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. text(now + longest), '+inf')
                for _, waiter in ipairs(late) do redis.call('ZADD', KEYS[4], text(now + longest), waiter) end
            end
            redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', text(now))
            while true do
                local first = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
                if not first or redis.call('ZSCORE', KEYS[4], first) then return first end
                redis.call('ZREM', KEYS[3], first)
            end
        end
        local function call(waiter, suffix)
            if waiter then redis.call('PUBLISH', KEYS[1] .. suffix .. ':' .. waiter, '') end
        end

        """

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token: the same for the whole wait |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the fence key's life, ms |
    /// | ARGV[4] | the waiter's lease, ms: noted or renewed when refused; 0 for who does not wait |
    /// | ARGV[5] | what a wake channel adds to its key |
    /// | returns | a new fence (> 0) when granted; otherwise −(ms until something changes by itself + 2), −1 for a holder that never expires |
    ///
    /// Granted to nobody but the head of the queue; a waiter whose lease had ended begins again at its end.
    static let acquire = RedisScript(
        "fair.acquire", isSafeToRepeat: true,
        prologue + """
            local held = redis.call('GET', KEYS[1])
            local fence = redis.call('HMGET', KEYS[2], 'last', 'token')
            if held == ARGV[1] and fence[2] == ARGV[1] then
                redis.call('PEXPIRE', KEYS[1], ARGV[2])
                return tonumber(fence[1])
            end
            local lease = tonumber(ARGV[4])
            local first = head(lease > 0 and lease * 1000 or nil)
            if held == ARGV[1] or (not held and (not first or first == ARGV[1])) then
                local last = tonumber(fence[1] or 0)
                local new = now
                if last >= new then new = last + 1 end
                redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
                redis.call('HSET', KEYS[2], 'last', text(new), 'token', ARGV[1])
                redis.call('PEXPIRE', KEYS[2], ARGV[3])
                redis.call('ZREM', KEYS[3], ARGV[1])
                redis.call('ZREM', KEYS[4], ARGV[1])
                return new
            end
            if lease > 0 then
                if not redis.call('ZSCORE', KEYS[3], ARGV[1]) then
                    local last = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')[2]
                    redis.call('ZADD', KEYS[3], text(tonumber(last or 0) + 1), ARGV[1])
                end
                redis.call('ZADD', KEYS[4], text(now + lease * 1000), ARGV[1])
                for k = 3, 4 do
                    if redis.call('PTTL', KEYS[k]) < 2 * lease then
                        redis.call('PEXPIRE', KEYS[k], text(2 * lease))
                    end
                end
            end
            if held then return -redis.call('PTTL', KEYS[1]) - 2 end
            call(first, ARGV[5])
            return -math.ceil((tonumber(redis.call('ZSCORE', KEYS[4], first)) - now) / 1000) - 2
            """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | what a wake channel adds to its key |
    /// | returns | 1 released, 0 absent, −1 another holder |
    ///
    /// Also how a waiter leaves the queue. Calls the head when it is its turn, on a channel of its own.
    static let release = RedisScript(
        "fair.release", isSafeToRepeat: false,
        prologue + """
            local held = redis.call('GET', KEYS[1])
            if held == ARGV[1] then redis.call('DEL', KEYS[1]) end
            redis.call('ZREM', KEYS[4], ARGV[1])
            local waited = redis.call('ZREM', KEYS[3], ARGV[1]) == 1
            if held == ARGV[1] or (waited and not held) then call(head(), ARGV[2]) end
            if held == ARGV[1] then return 1 end
            return held and -1 or 0
            """)

    /// | | |
    /// |---|---|
    /// | ARGV | as of ``ForceScripts/release`` |
    /// | returns | {1, fence of the holder that lost it, its token's first 8 digits}; {0} nobody held it |
    ///
    /// Calls the head: the queue stays as it is.
    static let force = RedisScript(
        "fair.forceRelease", isSafeToRepeat: true,
        prologue + """
            local held = redis.call('GET', KEYS[1])
            local seen = redis.call('HMGET', KEYS[2], 'last', 'forced', 'before')
            local last = seen[1]

            """ + ForceScripts.announce + """
                if seen[2] == ARGV[1] then return {1, tonumber(last or 0), seen[3]} end
                if not held then return {0} end
                redis.call('DEL', KEYS[1])
                redis.call('HSET', KEYS[2], 'forced', ARGV[1], 'before', string.sub(held, 1, 8))
                redis.call('PEXPIRE', KEYS[2], ARGV[7])
                announce(ARGV[3], 'released', ARGV[4], ARGV[5], ARGV[6])
                call(head(), ARGV[2])
                return {1, tonumber(last or 0), string.sub(held, 1, 8)}
                """)
}

extension LeaseKind {
    static let fair = LeaseKind(
        noun: "fair lock", renew: LockScripts.renew, release: FairScripts.release, check: LockScripts.check,
        renewMany: LockScripts.renewMany)
}
