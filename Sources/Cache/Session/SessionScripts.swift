import RedisCore

/// The decisions about sessions, each in one script; all keys of a call belong to one user and lie in one slot.
///
/// A session is a hash: `user_id`, `tenant_id` and `metadata` if given, `data` (both JSON), `version`, `idle` (ms),
/// `created_at`, `seen_at`, `expires_at`, `ends_at` (server time, µs), `writes` (the requests of its last eight
/// updates, 16 digits each). It counts only while the user's index, a sorted set, has its member `‹created_at›:‹name›`,
/// scored by `expires_at`: taking the member away ends the session at once, and the hash is cleared away later. A
/// session that somebody ended keeps a hash with `ended` (`revoked` or `expired`) and `by`, the request that ended it,
/// for a while.
///
/// They are values, so that tests run the same scripts with the server's clock in their hand.
struct SessionScripts: Sendable {
    /// With the server's own clock.
    static let live = SessionScripts(clock: "redis.call('TIME')")

    /// Of update: so many requests are remembered, each with 16 digits.
    static let rememberedWrites = 8

    let read: RedisScript
    let create: RedisScript
    let update: RedisScript
    let rotate: RedisScript
    let page: RedisScript
    let readMany: RedisScript
    let destroy: RedisScript
    let destroyAll: RedisScript
    let bury: RedisScript

    var all: [RedisScript] { [read, create, update, rotate, page, readMany, destroy, destroyAll, bury] }

    /// `clock` is the Lua expression for seconds and microseconds.
    init(clock: String) {
        func script(_ name: String, isSafeToRepeat: Bool = true, _ body: String) -> RedisScript {
            RedisScript(
                "session.\(name)", isSafeToRepeat: isSafeToRepeat,
                "local time = \(clock)\n" + Self.prelude + body)
        }
        read = script("read", Self.readBody)
        create = script("create", Self.createBody)
        // Repeated by its caller, who says that it is a repetition.
        update = script("update", isSafeToRepeat: false, Self.updateBody)
        rotate = script("rotate", Self.rotateBody)
        page = script("page", Self.pageBody)
        readMany = script("readMany", Self.readManyBody)
        destroy = script("destroy", Self.destroyBody)
        destroyAll = script("destroyAll", Self.destroyAllBody)
        bury = script("bury", Self.buryBody)
    }

    /// What all of them begin with.
    ///
    /// States: 0 unknown, 1 active, 2 expired, 3 revoked.
    ///
    /// An answer is {1, created, expires, seen, ends, version, user, tenant, metadata, data}, or {state} alone.
    private static let prelude = """
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local function text(number) return string.format('%.0f', number) end
        local function outlive(key, ms)
            if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end
        end
        local function read(key, index, name)
            local r = redis.call('HMGET', key, 'ended', 'created_at', 'expires_at', 'seen_at', 'ends_at', 'version',
                'user_id', 'tenant_id', 'metadata', 'data', 'idle')
            if r[1] then return r[1] == 'expired' and 2 or 3 end
            if not r[2] then return 0 end
            if tonumber(r[3]) <= now then return 2 end
            if not redis.call('ZSCORE', index, r[2] .. ':' .. name) then return 3 end
            return 1, r
        end
        local function answer(r) return {1, r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10]} end

        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the session |
    /// | KEYS[2] | the user's index |
    /// | ARGV[1] | the session's name |
    /// | ARGV[2] | 1 to refresh it |
    /// | ARGV[3] | how long the end is remembered, ms |
    /// | returns | the answer |
    private static let readBody = """
        local state, r = read(KEYS[1], KEYS[2], ARGV[1])
        if state ~= 1 then return {state} end
        if ARGV[2] == '1' then
            local expires = math.min(now + tonumber(r[11]) * 1000, tonumber(r[5]))
            r[3], r[4] = text(expires), text(now)
            redis.call('HSET', KEYS[1], 'expires_at', r[3], 'seen_at', r[4])
            local left = math.ceil((expires - now) / 1000) + tonumber(ARGV[3])
            redis.call('PEXPIRE', KEYS[1], text(left))
            redis.call('ZADD', KEYS[2], r[3], r[2] .. ':' .. ARGV[1])
            outlive(KEYS[2], left)
        end
        return answer(r)
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the session |
    /// | KEYS[2] | the user's index |
    /// | ARGV[1] | the session's name |
    /// | ARGV[2], ARGV[3] | user; tenant, or empty |
    /// | ARGV[4], ARGV[5] | metadata, or empty; data |
    /// | ARGV[6], ARGV[7] | idle time and longest life, ms |
    /// | ARGV[8] | how long the end is remembered, ms |
    /// | ARGV[9] | the most sessions of a user, 0 for any number |
    /// | returns | the answer, and the members of up to 500 sessions that were pushed out; {3} when it was ended since |
    ///
    /// The id is new, so a session that is there was made by this very request.
    private static let createBody = """
        if redis.call('EXISTS', KEYS[1]) == 1 then
            local state, r = read(KEYS[1], KEYS[2], ARGV[1])
            if state ~= 1 then return {state} end
            return answer(r)
        end
        local ends = now + tonumber(ARGV[7]) * 1000
        local expires = math.min(now + tonumber(ARGV[6]) * 1000, ends)
        local r = {false, text(now), text(expires), text(now), text(ends), '1', ARGV[2], false, false, false}
        redis.call('HSET', KEYS[1], 'user_id', ARGV[2], 'data', ARGV[5], 'version', '1', 'idle', ARGV[6],
            'created_at', r[2], 'seen_at', r[2], 'expires_at', r[3], 'ends_at', r[5])
        if ARGV[3] ~= '' then redis.call('HSET', KEYS[1], 'tenant_id', ARGV[3]) end
        if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'metadata', ARGV[4]) end
        local left = math.ceil((expires - now) / 1000) + tonumber(ARGV[8])
        redis.call('PEXPIRE', KEYS[1], text(left))
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', r[2])
        local mine = r[2] .. ':' .. ARGV[1]
        redis.call('ZADD', KEYS[2], r[3], mine)
        outlive(KEYS[2], left)
        local reply = answer(r)
        reply[8] = ARGV[3] ~= '' and ARGV[3]
        reply[11] = {}
        local most = tonumber(ARGV[9])
        local excess = redis.call('ZCARD', KEYS[2]) - most
        if most > 0 and excess > 0 then
            local members = redis.call('ZRANGE', KEYS[2], 0, -1)
            table.sort(members)
            for _, member in ipairs(members) do
                if excess > 0 and member ~= mine then
                    redis.call('ZREM', KEYS[2], member)
                    excess = excess - 1
                    if #reply[11] < 500 then table.insert(reply[11], member) end
                end
            end
        end
        return reply
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the session |
    /// | KEYS[2] | the user's index |
    /// | ARGV[1] | the session's name |
    /// | ARGV[2] | the version that was changed |
    /// | ARGV[3], ARGV[4] | new metadata, or empty; new data |
    /// | ARGV[5] | the request, 16 digits |
    /// | ARGV[6] | 1 when this repeats a request without a reply |
    /// | returns | the answer, without metadata and data when they are what was sent; {4, …} with newer content; {5} when nobody can tell any more whether the first try was executed |
    ///
    /// A repetition that meets a session that is over is answered 5: the first try may have come before the end.
    private static let updateBody = """
        local state, r = read(KEYS[1], KEYS[2], ARGV[1])
        if state ~= 1 then return {ARGV[6] == '1' and 5 or state} end
        local writes = redis.call('HGET', KEYS[1], 'writes') or ''
        local ahead = tonumber(r[6]) - tonumber(ARGV[2])
        if ahead ~= 0 then
            local reply = answer(r)
            if string.find(writes, ARGV[5], 1, true) then return reply end
            if ARGV[6] == '1' and ahead > \(rememberedWrites) then return {5} end
            reply[1] = 4
            return reply
        end
        r[6] = text(tonumber(r[6]) + 1)
        redis.call('HSET', KEYS[1], 'data', ARGV[4], 'version', r[6],
            'writes', string.sub(ARGV[5] .. writes, 1, \(16 * rememberedWrites)))
        if ARGV[3] ~= '' then
            redis.call('HSET', KEYS[1], 'metadata', ARGV[3])
        else
            redis.call('HDEL', KEYS[1], 'metadata')
        end
        r[9], r[10] = false, false
        return answer(r)
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the session under its old id |
    /// | KEYS[2] | under its new one |
    /// | KEYS[3] | the user's index |
    /// | ARGV[1], ARGV[2] | the old and the new name |
    /// | ARGV[3] | how long the end is remembered, ms |
    /// | returns | the answer |
    ///
    /// The new id is new, so what is there was made by this very request.
    private static let rotateBody = """
        local state, r = read(KEYS[2], KEYS[3], ARGV[2])
        if state == 1 then return answer(r) end
        if state ~= 0 then return {state} end
        state, r = read(KEYS[1], KEYS[3], ARGV[1])
        if state ~= 1 then return {state} end
        redis.call('ZADD', KEYS[3], r[3], r[2] .. ':' .. ARGV[2])
        redis.call('ZREM', KEYS[3], r[2] .. ':' .. ARGV[1])
        redis.call('RENAME', KEYS[1], KEYS[2])
        redis.call('HSET', KEYS[1], 'ended', 'revoked')
        redis.call('PEXPIRE', KEYS[1], ARGV[3])
        return answer(r)
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the user's index |
    /// | ARGV[1] | where to begin: `-inf`, or `(` and the last expiry of the page before |
    /// | ARGV[2] | how many at least, if there are so many |
    /// | returns | the members, by expiry, then the last expiry or an empty text |
    ///
    /// Sessions that expire in the same microsecond are on the same page, which may be longer for that.
    private static let pageBody = """
        redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', text(now))
        local found = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2])
        if #found == 0 then return {''} end
        local last = found[#found]
        local reply, seen = {}, {}
        for i = 1, #found, 2 do
            table.insert(reply, found[i])
            seen[found[i]] = true
        end
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], last, last)) do
            if not seen[member] then table.insert(reply, member) end
        end
        table.insert(reply, last)
        return reply
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the user's index |
    /// | KEYS[2…] | sessions |
    /// | ARGV | their members |
    /// | returns | their answers |
    ///
    /// A member whose session Redis has lost is taken out of the index.
    private static let readManyBody = """
        local reply = {}
        for i = 2, #KEYS do
            local state, r = read(KEYS[i], KEYS[1], string.sub(ARGV[i - 1], -22))
            if state == 0 then redis.call('ZREM', KEYS[1], ARGV[i - 1]) end
            table.insert(reply, state == 1 and answer(r) or {state})
        end
        return reply
        """
}
