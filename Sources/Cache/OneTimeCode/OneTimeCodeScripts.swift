import RedisCore

/// The decisions about one-time codes, each in one script; safe to repeat with the same request.
///
/// A code is a hash: `digest`, `left` (attempts), `last` (the request of the last attempt), `used` (the request that
/// was accepted). Beside it lies a list of when codes were sent: `‹server time, µs›:‹request›`.
struct OneTimeCodeScripts: Sendable {
    static let live = OneTimeCodeScripts(clock: "redis.call('TIME')")

    /// How long an accepted request is remembered, ms: longer than any time-out within which it is repeated.
    static let usedFor: Int64 = 600_000

    let issue: RedisScript

    /// `clock` is the Lua expression for seconds and microseconds.
    init(clock: String) {
        issue = RedisScript("code.issue", isSafeToRepeat: true, "local time = \(clock)\n" + Self.issueBody)
    }

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the code |
    /// | KEYS[2] | when codes were sent |
    /// | ARGV[1] | the code's digest |
    /// | ARGV[2], ARGV[3] | its life, ms; attempts |
    /// | ARGV[4] | least time between two codes, ms |
    /// | ARGV[5], ARGV[6] | most codes within a period; the period, ms |
    /// | ARGV[7] | the request |
    /// | returns | {1, 0} stored, also when this request had stored it before; {0, ms to wait} refused |
    ///
    /// Times that lie ahead were written before the server's clock went back: they count as now, so that nobody is
    /// refused for the length of the jump.
    private static let issueBody = """
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local period = tonumber(ARGV[6]) * 1000
        local times, sent, ahead = {}, {}, false
        for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
            local at, request = tonumber(string.sub(entry, 1, 16)), string.sub(entry, 17)
            if request == ':' .. ARGV[7] then return {1, 0} end
            if at > now then
                at = now
                ahead = true
            end
            if now - at < period then
                table.insert(times, at)
                table.insert(sent, string.format('%.0f', at) .. request)
            end
        end
        local function store()
            redis.call('DEL', KEYS[2])
            redis.call('RPUSH', KEYS[2], unpack(sent))
            redis.call('PEXPIRE', KEYS[2], ARGV[6])
        end
        if ahead then store() end
        local wait = 0
        local most = tonumber(ARGV[5])
        if #times >= most then wait = times[#times - most + 1] + period - now end
        if #times > 0 then wait = math.max(wait, times[#times] + tonumber(ARGV[4]) * 1000 - now) end
        if wait > 0 then return {0, math.ceil(wait / 1000)} end
        redis.call('HSET', KEYS[1], 'digest', ARGV[1], 'left', ARGV[3])
        redis.call('HDEL', KEYS[1], 'last')
        redis.call('PEXPIRE', KEYS[1], ARGV[2])
        table.insert(sent, string.format('%.0f', now) .. ':' .. ARGV[7])
        store()
        return {1, 0}
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the code |
    /// | ARGV[1] | the digest of what was entered |
    /// | ARGV[2] | the request |
    /// | ARGV[3] | how long an accepted request is remembered, ms |
    /// | returns | {1, 0} accepted, {2, attempts left} wrong, {0, 0} no code, {3, 0} locked |
    ///
    /// Counts before it compares: on a server that takes no writes every attempt fails alike, so that it tells nothing
    /// about the code. Lua keeps one copy of each text and compares addresses, so the comparison takes the same time
    /// wherever two digests differ; and they are digests, of which no part can be guessed by another.
    static let verify = RedisScript(
        "code.verify", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'digest', 'left', 'last', 'used')
        if r[4] == ARGV[2] then return {1, 0} end
        if not r[1] then return {0, 0} end
        local left = tonumber(r[2])
        if r[3] ~= ARGV[2] then
            if left < 1 then return {3, 0} end
            left = left - 1
            redis.call('HSET', KEYS[1], 'left', left, 'last', ARGV[2])
            if r[1] == ARGV[1] then
                redis.call('HSET', KEYS[1], 'used', ARGV[2])
                redis.call('HDEL', KEYS[1], 'digest', 'left', 'last')
                redis.call('PEXPIRE', KEYS[1], ARGV[3])
                return {1, 0}
            end
        end
        if left < 1 then return {3, 0} end
        return {2, left}
        """)
}
