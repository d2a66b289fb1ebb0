import RedisCore

/// The decisions of an election, each in one script; all are safe to repeat with the same token or term.
///
/// The leader is a hash {token, id, term} that lives as long as its lease. Every change is announced on a channel.
enum ElectionScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader: hash {token, id, term} |
    /// | KEYS[2] | the election's hash {last, deposed} |
    /// | KEYS[3] | present while this candidate may not campaign |
    /// | ARGV[1] | token |
    /// | ARGV[2] | lease, ms |
    /// | ARGV[3] | the candidate's id |
    /// | ARGV[4] | the second hash's life, ms |
    /// | ARGV[5] | what the channel adds to the first key |
    /// | returns | {1, term} won; {0, id, term, ms left} somebody else leads; {2, ms left} barred |
    ///
    /// The same token again gets the same term: a repeated request whose reply was lost is not another win.
    static let campaign = RedisScript(
        "election.campaign", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'token', 'id', 'term')
        if r[1] == ARGV[1] then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return {1, tonumber(r[3])}
        end
        if r[1] then return {0, r[2], tonumber(r[3]), redis.call('PTTL', KEYS[1])} end
        local barred = redis.call('PTTL', KEYS[3])
        if barred > 0 then return {2, barred} end
        local time = redis.call('TIME')
        local term = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local last = tonumber(redis.call('HGET', KEYS[2], 'last') or 0)
        if last >= term then term = last + 1 end
        local text = string.format('%.0f', term)
        redis.call('HSET', KEYS[1], 'token', ARGV[1], 'id', ARGV[3], 'term', text)
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        redis.call('HSET', KEYS[2], 'last', text)
        redis.call('PEXPIRE', KEYS[2], ARGV[4])
        redis.call('PUBLISH', KEYS[1] .. ARGV[5], '')
        return {1, term}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader |
    /// | ARGV[1] | token |
    /// | ARGV[2] | lease, ms |
    /// | returns | 1 renewed, 0 nobody leads, −1 somebody else does |
    static let renew = RedisScript(
        "election.renew", isSafeToRepeat: true,
        """
        local token = redis.call('HGET', KEYS[1], 'token')
        if token == ARGV[1] then
            redis.call('PEXPIRE', KEYS[1], ARGV[2])
            return 1
        end
        if token then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader |
    /// | ARGV[1] | token |
    /// | ARGV[2] | what the channel adds to the key |
    /// | returns | 1 resigned, 0 nobody led, −1 somebody else does |
    static let resign = RedisScript(
        "election.resign", isSafeToRepeat: false,
        """
        local token = redis.call('HGET', KEYS[1], 'token')
        if token == ARGV[1] then
            redis.call('DEL', KEYS[1])
            redis.call('PUBLISH', KEYS[1] .. ARGV[2], '')
            return 1
        end
        if token then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader |
    /// | ARGV[1] | token |
    /// | returns | 1 leads, 0 nobody does, −1 somebody else does |
    static let check = RedisScript(
        "election.check", isSafeToRepeat: true,
        """
        local token = redis.call('HGET', KEYS[1], 'token')
        if token == ARGV[1] then return 1 end
        if token then return -1 end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader |
    /// | returns | {id, term, ms left}; {} when nobody leads |
    static let show = RedisScript(
        "election.show", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'id', 'term')
        if not r[1] then return {} end
        return {r[1], tonumber(r[2]), redis.call('PTTL', KEYS[1])}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the leader |
    /// | KEYS[2] | the election's hash {last, deposed} |
    /// | KEYS[3] | present while that leader's id may not campaign |
    /// | ARGV[1] | the term to end |
    /// | ARGV[2] | how long the id may not campaign, ms; 0 for not at all |
    /// | ARGV[3] | what the channel adds to the first key |
    /// | ARGV[4] | the second hash's life, ms |
    /// | returns | 1 ended (also when an earlier request of the same term did), 0 that term was over |
    ///
    /// By term, so that a repeated request cannot end the successor's.
    static let depose = RedisScript(
        "election.depose", isSafeToRepeat: true,
        """
        if redis.call('HGET', KEYS[1], 'term') ~= ARGV[1] then
            return redis.call('HGET', KEYS[2], 'deposed') == ARGV[1] and 1 or 0
        end
        if ARGV[2] ~= '0' then redis.call('SET', KEYS[3], '1', 'PX', ARGV[2]) end
        redis.call('DEL', KEYS[1])
        redis.call('HSET', KEYS[2], 'deposed', ARGV[1])
        redis.call('PEXPIRE', KEYS[2], ARGV[4])
        redis.call('PUBLISH', KEYS[1] .. ARGV[3], '')
        return 1
        """)
}

extension LeaseKind {
    static let leadership = LeaseKind(
        noun: "leadership", renew: ElectionScripts.renew, release: ElectionScripts.resign, check: ElectionScripts.check)
}
