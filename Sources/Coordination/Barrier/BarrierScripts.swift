import RedisCore

/// The decisions of ``Barrier``; all are safe to repeat.
///
/// A hash: `gen` (the generation under way, from 1), `need`, `here` (arrivals in it), `until` and `span` (its deadline
/// in server µs and how far away that was), `a:‹id›` = `generation:token` of each participant's last arrival, and
/// `o:‹n›` = `passed` or `broken` of the last 16 generations.
enum BarrierScripts {
    /// Ends the generation under way, the local `gen`.
    ///
    /// Arrivals of the one before are forgotten, this one's are kept: a repeated request must find its own.
    private static let ending = """
        local function finish(outcome)
            local fields = redis.call('HGETALL', KEYS[1])
            for index = 1, #fields, 2 do
                local of = string.match(fields[index + 1], '^(%d+):')
                if string.sub(fields[index], 1, 2) == 'a:' and of and tonumber(of) < gen then
                    redis.call('HDEL', KEYS[1], fields[index])
                end
            end
            redis.call('HSET', KEYS[1], 'o:' .. gen, outcome, 'gen', gen + 1, 'here', 0)
            redis.call('HDEL', KEYS[1], 'until', 'span', 'o:' .. (gen - 16))
            redis.call('PUBLISH', KEYS[1] .. suffix, '')
        end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the barrier |
    /// | ARGV[1] | how many participants there are |
    /// | ARGV[2] | who arrives |
    /// | ARGV[3] | this arrival's token |
    /// | ARGV[4] | how long the first to arrive gives the others, ms |
    /// | ARGV[5] | time to live from now, ms |
    /// | ARGV[6] | what the wake channel adds to the key |
    /// | returns | {generation, how many are missing (0: this arrival completed it)}; {−need, 0} when made for another number |
    ///
    /// A generation whose deadline has passed is broken first, and the arrival is the next one's first. A deadline that
    /// is farther away than it was ever set dates from before the server's clock went back, and is cut.
    static let arrive = RedisScript(
        "barrier.arrive", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'gen', 'need', 'here', 'until', 'span', 'a:' .. ARGV[2])
        if r[2] and r[2] ~= ARGV[1] then return {-tonumber(r[2]), 0} end
        local suffix = ARGV[6]
        local gen = tonumber(r[1] or 1)
        local here = tonumber(r[3] or 0)
        local need = tonumber(ARGV[1])
        \(ending)
        local of, token = string.match(r[6] or '', '^(%d+):(.*)$')
        if token == ARGV[3] then
            if tonumber(of) < gen then
                return {tonumber(of), redis.call('HGET', KEYS[1], 'o:' .. of) == 'passed' and 0 or 1}
            end
            return {gen, need - here}
        end
        local span = tonumber(ARGV[4]) * 1000
        local lapse = r[4] and tonumber(r[4])
        if lapse and lapse > now + tonumber(r[5]) then
            lapse = now + tonumber(r[5])
            redis.call('HSET', KEYS[1], 'until', string.format('%.0f', lapse))
        end
        if lapse and lapse <= now then
            finish('broken')
            gen = gen + 1
            here = 0
            of = nil
        end
        local isNew = not of or tonumber(of) ~= gen
        redis.call('HSET', KEYS[1], 'need', ARGV[1], 'gen', gen, 'a:' .. ARGV[2], gen .. ':' .. ARGV[3])
        redis.call('PEXPIRE', KEYS[1], ARGV[5])
        if here == 0 then
            redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + span), 'span', string.format('%.0f', span))
        end
        if isNew then
            here = here + 1
            redis.call('HSET', KEYS[1], 'here', here)
        end
        if here >= need then finish('passed') end
        return {gen, need - here}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the barrier |
    /// | ARGV[1] | the generation |
    /// | ARGV[2] | 1 to break it, because whoever asks cannot wait any longer |
    /// | ARGV[3] | what the wake channel adds to the key |
    /// | returns | 1 passed, −1 broken or forgotten, 0 under way |
    static let look = RedisScript(
        "barrier.look", isSafeToRepeat: true,
        """
        local suffix = ARGV[3]
        local gen = tonumber(redis.call('HGET', KEYS[1], 'gen') or 0)
        local mine = tonumber(ARGV[1])
        \(ending)
        if gen == mine then
            local lapse = tonumber(redis.call('HGET', KEYS[1], 'until') or 0)
            if ARGV[2] == '0' and lapse > now then return 0 end
            finish('broken')
            return -1
        end
        if gen > mine and redis.call('HGET', KEYS[1], 'o:' .. mine) == 'passed' then return 1 end
        return -1
        """)
}
