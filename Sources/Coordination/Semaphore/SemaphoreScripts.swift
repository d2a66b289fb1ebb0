import RedisCore

/// The decisions of a semaphore whose waiters have no order across processes.
///
/// One sorted set holds who has permits: the member is the holder's token, the score the end of its lease in µs of the
/// server's clock. A holder of n permits has n members, `token`, `token:2` … `token:n`, so that the number of permits
/// taken is the set's size and no counter can drift from it.
enum SemaphoreScripts {
    /// Reads the clock and makes the set tell the truth, as locals `now`, `info`, `limit`, `was`, `permits`, `taken`.
    ///
    /// An entry that ends later than the longest lease from now was written before the server's clock went back: it is
    /// cut, so that a crashed holder cannot keep its permit for the length of the jump.
    ///
    /// It writes only when there is something to write: Redis does not look at its memory any more once a script has
    /// written, and a full server shall refuse.
    static let prelude = """
        local function int(number) return string.format('%.0f', number) end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local ttl = tonumber(ARGV[2]) * 1000
        local limit = tonumber(ARGV[3])
        local permits = tonumber(ARGV[4])
        if redis.call('ZCOUNT', KEYS[1], '-inf', int(now)) > 0 then
            redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', int(now))
        end
        local taken = redis.call('ZCARD', KEYS[1])
        local info = redis.call('HMGET', KEYS[2], 'last', 'limit', 'longest')
        local longest = taken > 0 and tonumber(info[3] or 0) or 0
        if longest > 0 then
            local cut = int(now + longest)
            for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. cut, '+inf')) do
                redis.call('ZADD', KEYS[1], cut, member)
            end
        end
        if ttl > longest then longest = ttl end
        local was = tonumber(info[2] or 0)
        if was == limit then was = 0 end
        local mine = redis.call('ZSCORE', KEYS[1], ARGV[1])
        """

    /// Takes the permits; answers the fence as the local `fence`.
    static let grant = """
        local fence = now
        local last = tonumber(info[1] or 0)
        if last >= fence then fence = last + 1 end
        local lapse = int(now + ttl)
        redis.call('ZADD', KEYS[1], lapse, ARGV[1])
        for number = 2, permits do redis.call('ZADD', KEYS[1], lapse, ARGV[1] .. ':' .. number) end
        local life = longest / 1000 + 1000
        if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], int(life)) end
        redis.call('HSET', KEYS[2], 'last', int(fence), 'limit', ARGV[3], 'longest', int(longest))
        redis.call('PEXPIRE', KEYS[2], ARGV[5])
        """

    /// When enough leases will have lapsed, into the local `left` (ms); and what the caller says about the limit is
    /// kept.
    static let denial = """
        local index = taken + permits - limit - 1
        local lapsing = redis.call('ZRANGE', KEYS[1], index, index, 'WITHSCORES')
        left = lapsing[2] and math.ceil((tonumber(lapsing[2]) - now) / 1000) or 0
        if was > 0 then
            redis.call('HSET', KEYS[2], 'limit', ARGV[3])
            redis.call('PEXPIRE', KEYS[2], ARGV[5])
        end
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits: sorted set, end of lease (server µs) by member |
    /// | KEYS[2] | hash {last, limit, longest, ticket} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | permits there are |
    /// | ARGV[4] | permits wanted |
    /// | ARGV[5] | the hash's life, ms |
    /// | returns | {fence (> 0) or −(ms left + 2), the limit that others said last if it differs, else 0} |
    ///
    /// The same token again has its permits already: a repeated request whose reply was lost takes no more.
    static let acquire = RedisScript(
        "semaphore.acquire", isSafeToRepeat: true,
        """
        \(prelude)
        if not mine and taken + permits > limit then
            local left
            \(denial)
            return {-left - 2, was}
        end
        \(grant)
        return {fence, was}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits |
    /// | KEYS[2] | hash {last, limit, longest, ticket} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | returns | 1 renewed, 0 absent |
    ///
    /// A lease that lapsed and was not yet cleared away may still be renewed: nobody has taken its place.
    static let renew = RedisScript(
        "semaphore.renew", isSafeToRepeat: true,
        """
        if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
        local time = redis.call('TIME')
        local ttl = tonumber(ARGV[2]) * 1000
        local lapse = string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]) + ttl)
        local member = ARGV[1]
        local number = 1
        while redis.call('ZSCORE', KEYS[1], member) do
            redis.call('ZADD', KEYS[1], lapse, member)
            number = number + 1
            member = ARGV[1] .. ':' .. number
        end
        local longest = tonumber(redis.call('HGET', KEYS[2], 'longest') or 0)
        if ttl > longest then
            longest = ttl
            redis.call('HSET', KEYS[2], 'longest', string.format('%.0f', ttl))
            if redis.call('PTTL', KEYS[2]) < 0 then redis.call('PEXPIRE', KEYS[2], ARGV[2]) end
        end
        local life = longest / 1000 + 1000
        if redis.call('PTTL', KEYS[1]) < life then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', life)) end
        return 1
        """)

    /// Gives the permits back; nothing when there are none.
    static let giveBack = """
        if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then return 0 end
        local number = 2
        while redis.call('ZREM', KEYS[1], ARGV[1] .. ':' .. number) == 1 do number = number + 1 end
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits |
    /// | KEYS[2] | hash {last, limit, longest, ticket} |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what the wake channel adds to the first key |
    /// | returns | 1 released, 0 absent |
    static let release = RedisScript(
        "semaphore.release", isSafeToRepeat: false,
        """
        \(giveBack)
        redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits |
    /// | ARGV[1] | token |
    /// | returns | 1 has its permits, 0 absent or lapsed |
    static let check = RedisScript(
        "semaphore.check", isSafeToRepeat: true,
        """
        local lapse = redis.call('ZSCORE', KEYS[1], ARGV[1])
        if not lapse then return 0 end
        local time = redis.call('TIME')
        if tonumber(lapse) <= tonumber(time[1]) * 1000000 + tonumber(time[2]) then return 0 end
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | who has permits |
    /// | KEYS[2] | hash {last, limit, longest, ticket} |
    /// | KEYS[3] | who waits for a fair semaphore, and until when its place is kept |
    /// | returns | {limit or 0, permits taken, holders, the last fence or 0, waiters of a fair one} |
    static let inspect = RedisScript(
        "semaphore.inspect", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local after = '(' .. string.format('%.0f', tonumber(time[1]) * 1000000 + tonumber(time[2]))
        local holders = 0
        local members = redis.call('ZRANGEBYSCORE', KEYS[1], after, '+inf')
        for _, member in ipairs(members) do
            if not string.find(member, ':', 1, true) then holders = holders + 1 end
        end
        local info = redis.call('HMGET', KEYS[2], 'limit', 'last')
        return {tonumber(info[1] or 0), #members, holders, tonumber(info[2] or 0),
            redis.call('ZCOUNT', KEYS[3], after, '+inf')}
        """)
}

extension LeaseKind {
    static let permit = LeaseKind(
        noun: "permit", renew: SemaphoreScripts.renew, release: SemaphoreScripts.release, check: SemaphoreScripts.check)
}
