import RedisCore

/// The decisions of a fair semaphore: permits go to whoever has waited longest, in whatever process.
///
/// Beside the holders there is a queue by ticket and, for each who waits, the time until which its place is kept. A
/// waiter that died is dropped by the next script that looks; a waiter is woken on a channel of its own.
enum FairSemaphoreScripts {
    /// How long a place is kept without its waiter asking again; the wait room asks every 5 s.
    static let patience = Duration.seconds(15)

    /// Drops waiters that have not asked for too long; needs the locals `now` and `suffix`.
    private static let clearQueue = """
        local function wakeHead()
            local head = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
            if head then redis.call('PUBLISH', KEYS[1] .. suffix .. ':' .. head, '') end
        end
        for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', string.format('%.0f', now))) do
            redis.call('ZREM', KEYS[3], gone)
            redis.call('ZREM', KEYS[4], gone)
        end
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits: sorted set, end of lease (server µs) by member |
    /// | KEYS[2] | hash {last, limit, longest, ticket} |
    /// | KEYS[3] | who waits: sorted set by ticket |
    /// | KEYS[4] | who waits: sorted set, until when (server µs) the place is kept |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | permits there are |
    /// | ARGV[4] | permits wanted |
    /// | ARGV[5] | the hash's life, ms |
    /// | ARGV[6] | the waiter, the same for all attempts of one wait; empty for who does not wait |
    /// | ARGV[7] | how long its place is kept, ms |
    /// | ARGV[8] | what the wake channel adds to the first key |
    /// | returns | {fence (> 0) or −(ms left + 2), the limit that others said last if it differs, else 0} |
    ///
    /// A place that is kept for longer than that from now dates from before the server's clock went back, and is cut.
    static let acquire = RedisScript(
        "semaphore.fair.acquire", isSafeToRepeat: true,
        """
        \(SemaphoreScripts.prelude)
        local suffix = ARGV[8]
        local keep = tonumber(ARGV[7]) * 1000
        \(clearQueue)
        local cut = int(now + keep)
        for _, waiter in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '(' .. cut, '+inf')) do
            redis.call('ZADD', KEYS[4], cut, waiter)
        end
        local head = redis.call('ZRANGE', KEYS[3], 0, 0)[1]
        if not mine and (taken + permits > limit or head and head ~= ARGV[6]) then
            local left = 0
            if ARGV[6] ~= '' then
                if not redis.call('ZSCORE', KEYS[3], ARGV[6]) then
                    redis.call('ZADD', KEYS[3], redis.call('HINCRBY', KEYS[2], 'ticket', 1), ARGV[6])
                    redis.call('PEXPIRE', KEYS[2], ARGV[5])
                end
                redis.call('ZADD', KEYS[4], cut, ARGV[6])
                redis.call('PEXPIRE', KEYS[3], int(2 * keep / 1000))
                redis.call('PEXPIRE', KEYS[4], int(2 * keep / 1000))
            end
            if head and head ~= ARGV[6] then
                left = math.ceil((tonumber(redis.call('ZSCORE', KEYS[4], head) or now) - now) / 1000)
            else
                \(SemaphoreScripts.denial)
            end
            return {-left - 2, was}
        end
        \(SemaphoreScripts.grant)
        if ARGV[6] ~= '' then
            redis.call('ZREM', KEYS[3], ARGV[6])
            redis.call('ZREM', KEYS[4], ARGV[6])
        end
        if redis.call('ZCARD', KEYS[1]) < limit then wakeHead() end
        return {fence, was}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1–4] | as above |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what the wake channel adds to the first key |
    /// | returns | 1 released, 0 absent |
    static let release = RedisScript(
        "semaphore.fair.release", isSafeToRepeat: false,
        """
        \(SemaphoreScripts.giveBack)
        local suffix = ARGV[2]
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        \(clearQueue)
        wakeHead()
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1–4] | as above |
    /// | ARGV[1] | the waiter that gave up |
    /// | ARGV[2] | what the wake channel adds to the first key |
    /// | returns | 1 when it had a place |
    ///
    /// It may have been woken by the only message there was: the next one is told.
    static let leave = RedisScript(
        "semaphore.fair.leave", isSafeToRepeat: true,
        """
        local suffix = ARGV[2]
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local had = redis.call('ZREM', KEYS[3], ARGV[1])
        redis.call('ZREM', KEYS[4], ARGV[1])
        \(clearQueue)
        wakeHead()
        return had
        """)
}

extension LeaseKind {
    static let fairPermit = LeaseKind(
        noun: "permit", renew: SemaphoreScripts.renew, release: FairSemaphoreScripts.release,
        check: SemaphoreScripts.check)
}
