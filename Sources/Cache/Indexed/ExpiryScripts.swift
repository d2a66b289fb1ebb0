import RedisCore

/// The scripts of ``ExpirySweeper``: an end is claimed for a time, told, and acknowledged.
///
/// An end is named `‹ms›:‹item›`: when the item ended, and its name. One that is not acknowledged in time is claimed
/// again, by whoever asks first. A claim's number tells its holder from later ones, so it only grows.
///
/// | | |
/// |---|---|
/// | KEYS[1] | `due` |
/// | KEYS[2] | `expired` |
/// | KEYS[3] | `attempts`, a hash: event → how often it was claimed, `untold:‹event›` → how often it came back untold |
/// | ARGV[1] | the root of the namespace's keys |
enum ExpiryScripts {
    /// | | |
    /// |---|---|
    /// | ARGV[2] | how many at most |
    /// | ARGV[3] | for how long, ms |
    /// | ARGV[4] | how long an end may wait to be told, ms |
    /// | returns | {given up because they waited too long, ms until the next (−1: none known), of `due` or `expired` looked at (the greater), event, claim, attempt, value or null, event …} |
    ///
    /// A reply holds 4 MiB of values, or one value: what could not come in time would be told to nobody, ever. Ends
    /// beyond that stay due, and 0 ms are told until the next.
    ///
    /// After a lost reply what it claimed is claimed again when the time is over; so it is not repeated. An item that
    /// lives although its end was noted was written by a program that does not track: its real end is noted.
    static let claim = RedisScript(
        "expiry.claim", isSafeToRepeat: false,
        IndexedScripts.timePrelude + #"""
            local most, lease, patience = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
            local lost = 0
            local function giveUp(event)
                redis.call('ZREM', KEYS[2], event)
                redis.call('HDEL', KEYS[3], event, 'untold:' .. event)
                redis.call('UNLINK', root .. ':gone:' .. event)
                lost = lost + 1
            end

            local over = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. text(ms * 1000), 'WITHSCORES',
                'LIMIT', 0, most)
            for i = 1, #over, 2 do
                local name, ends = over[i], tonumber(over[i + 1]) / 1000
                local left = redis.call('PTTL', root .. ':item:' .. name)
                redis.call('ZREM', KEYS[1], name)
                if left >= 0 then
                    redis.call('ZADD', KEYS[1], text((ms + left + 1) * 1000), name)
                    settle(KEYS[1], patience)
                elseif left == -2 then
                    local event, kept = text(ends) .. ':' .. name, root .. ':kept:' .. name
                    redis.call('ZADD', KEYS[2], 'NX', text(now), event)
                    if redis.call('EXISTS', kept) == 1 then redis.call('RENAME', kept, root .. ':gone:' .. event) end
                end
            end

            local events = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', text(now), 'LIMIT', 0, most)
            local result = {0, -1, math.max(#over / 2, #events)}
            local size, isFull = 0, false
            for _, event in ipairs(events) do
                if tonumber(string.match(event, '^(%d+):') or 0) < ms - patience then
                    giveUp(event)
                else
                    local gone = root .. ':gone:' .. event
                    size = size + redis.call('STRLEN', gone)
                    isFull = size > 4194304 and #result > 3
                    if isFull then break end
                    redis.call('ZADD', KEYS[2], text(now + lease * 1000), event)
                    local claim = redis.call('HINCRBY', KEYS[3], event, 1)
                    local untold = tonumber(redis.call('HGET', KEYS[3], 'untold:' .. event) or 0)
                    result[#result + 1] = event
                    result[#result + 1] = claim
                    result[#result + 1] = math.max(1, claim - untold)
                    result[#result + 1] = redis.call('GET', gone)
                end
            end
            redis.call('PEXPIREAT', KEYS[2], text(ms + patience + lease))
            redis.call('PEXPIREAT', KEYS[3], text(ms + patience + lease))

            for i = 1, 2 do
                local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')[2]
                if first then
                    local left = math.max(0, math.ceil((tonumber(first) - now) / 1000) + 1)
                    if result[2] < 0 or left < result[2] then result[2] = left end
                end
            end
            result[1] = lost
            if isFull then result[2] = 0 end
            return result
            """#)

    /// | | |
    /// |---|---|
    /// | ARGV[2] | the event |
    /// | returns | 1 done, 0 somebody else was faster |
    static let acknowledge = RedisScript(
        "expiry.acknowledge", isSafeToRepeat: true,
        #"""
        redis.call('UNLINK', ARGV[1] .. ':gone:' .. ARGV[2])
        redis.call('HDEL', KEYS[3], ARGV[2], 'untold:' .. ARGV[2])
        return redis.call('ZREM', KEYS[2], ARGV[2])
        """#)

    /// | | |
    /// |---|---|
    /// | ARGV[2] | from now until it may be claimed, ms: 0 to give it back, a pause after a failure, a lease to go on |
    /// | ARGV[3…] | event, claim, how often it has come back untold or empty to leave that, event … |
    /// | returns | how many of them were still this claimant's |
    ///
    /// The count is given, not added to: a repetition counts once.
    static let hold = RedisScript(
        "expiry.hold", isSafeToRepeat: true,
        IndexedScripts.timePrelude + #"""
            local count = 0
            for i = 3, #ARGV, 3 do
                if redis.call('HGET', KEYS[3], ARGV[i]) == ARGV[i + 1] then
                    redis.call('ZADD', KEYS[2], 'XX', text(now + tonumber(ARGV[2]) * 1000), ARGV[i])
                    if ARGV[i + 2] ~= '' then redis.call('HSET', KEYS[3], 'untold:' .. ARGV[i], ARGV[i + 2]) end
                    count = count + 1
                end
            end
            return count
            """#)
}
