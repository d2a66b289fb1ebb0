import RedisCore

/// The decisions of ``ReadWriteLocks``, each in one script; all are safe to repeat with the same token.
///
/// Every script gets the same keys:
///
/// | | |
/// |---|---|
/// | KEYS[1] | hash: `writer` (token) and `until` (server µs) while somebody writes; `seen`, the server's time (µs) at the last script |
/// | KEYS[2] | sorted set: the readers' tokens by the end of their leases (server µs) |
/// | KEYS[3] | sorted set: the waiting writers' ids by the end of their leases (server µs) |
/// | KEYS[4] | hash {last, token}: the fence and the writer that drew it |
enum ReadWriteScripts {
    /// What every script begins with: the time, and who is left of those whose leases were noted.
    ///
    /// When the server's clock is behind what it was at the last script, every lease is moved by the difference: nobody
    /// keeps a lease for the length of the jump, and nobody loses one. Leases are pruned by time, each by its own.
    private static let prologue = """
        local function text(number) return string.format('%.0f', number) end
        local function keep(key, ms)
            if redis.call('PTTL', key) < ms then redis.call('PEXPIRE', key, text(ms)) end
        end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local state = redis.call('HMGET', KEYS[1], 'writer', 'until', 'seen')
        local writer, ends, seen = state[1], tonumber(state[2] or 0), tonumber(state[3] or 0)
        if seen > now then
            for k = 2, 3 do
                local all = redis.call('ZRANGE', KEYS[k], 0, -1, 'WITHSCORES')
                for i = 1, #all, 2 do
                    redis.call('ZADD', KEYS[k], text(tonumber(all[i + 1]) - seen + now), all[i])
                end
            end
            if writer then
                ends = ends - seen + now
                redis.call('HSET', KEYS[1], 'until', text(ends))
            end
            redis.call('HSET', KEYS[1], 'seen', text(now))
        end
        redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', text(now))
        redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', text(now))
        if writer and ends <= now then
            redis.call('HDEL', KEYS[1], 'writer', 'until')
            writer = false
        end
        local function write(token, ms)
            redis.call('HSET', KEYS[1], 'writer', token, 'until', text(now + ms * 1000), 'seen', text(now))
            keep(KEYS[1], ms)
        end
        local function read(token, ms)
            redis.call('ZADD', KEYS[2], text(now + ms * 1000), token)
            redis.call('HSET', KEYS[1], 'seen', text(now))
            keep(KEYS[1], ms)
            keep(KEYS[2], ms)
        end
        local function wake(suffix)
            if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('PUBLISH', KEYS[1] .. suffix, '') end
            if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('PUBLISH', KEYS[2] .. suffix, '') end
        end
        local function left(key)
            local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
            return last and math.ceil((tonumber(last) - now) / 1000) or 0
        end

        """

    private static func script(_ name: String, isSafeToRepeat: Bool = true, _ body: String) -> RedisScript {
        RedisScript("rw.\(name)", isSafeToRepeat: isSafeToRepeat, prologue + body)
    }

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the fence key's life, ms |
    /// | returns | the fence of the last writer (> 0) when granted; otherwise −(ms left + 2) |
    ///
    /// Refused while somebody writes or waits to write.
    static let read = script(
        "read",
        """
        local mine = redis.call('ZSCORE', KEYS[2], ARGV[1])
        if not mine then
            if writer then return -math.ceil((ends - now) / 1000) - 2 end
            if redis.call('EXISTS', KEYS[3]) == 1 then return -left(KEYS[3]) - 2 end
        end
        read(ARGV[1], tonumber(ARGV[2]))
        local last = tonumber(redis.call('HGET', KEYS[4], 'last') or 0)
        if last == 0 then
            last = now
            redis.call('HSET', KEYS[4], 'last', text(last))
        end
        redis.call('PEXPIRE', KEYS[4], ARGV[3])
        return last
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | the fence key's life, ms |
    /// | ARGV[4] | the waiter's id: noted when refused, forgotten when granted |
    /// | ARGV[5] | how long it is noted, ms; 0 for who does not wait |
    /// | returns | a new fence (> 0) when granted; otherwise −(ms left + 2) |
    ///
    /// The same token again gets the same fence.
    static let write = script(
        "write",
        """
        local fence = redis.call('HMGET', KEYS[4], 'last', 'token')
        if writer == ARGV[1] and fence[2] == ARGV[1] then
            write(ARGV[1], tonumber(ARGV[2]))
            return tonumber(fence[1])
        end
        if (writer and writer ~= ARGV[1]) or redis.call('EXISTS', KEYS[2]) == 1 then
            local life = tonumber(ARGV[5])
            if life > 0 then
                redis.call('ZADD', KEYS[3], text(now + life * 1000), ARGV[4])
                redis.call('HSET', KEYS[1], 'seen', text(now))
                keep(KEYS[1], life)
                keep(KEYS[3], life)
            end
            if writer then return -math.ceil((ends - now) / 1000) - 2 end
            return -left(KEYS[2]) - 2
        end
        redis.call('ZREM', KEYS[3], ARGV[4])
        write(ARGV[1], tonumber(ARGV[2]))
        local last = tonumber(fence[1] or 0)
        local new = now
        if last >= new then new = last + 1 end
        redis.call('HSET', KEYS[4], 'last', text(new), 'token', ARGV[1])
        redis.call('PEXPIRE', KEYS[4], ARGV[3])
        return new
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | returns | 1 renewed, as writer or as reader; 0 absent; −1 absent, and another writes |
    static let renew = script(
        "renew",
        """
        if writer == ARGV[1] then
            write(ARGV[1], tonumber(ARGV[2]))
            return 1
        end
        if redis.call('ZSCORE', KEYS[2], ARGV[1]) then
            read(ARGV[1], tonumber(ARGV[2]))
            return 1
        end
        return writer and -1 or 0
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | what a wake channel adds to its key |
    /// | returns | 1 released, 0 absent, −1 absent, and another writes |
    ///
    /// Wakes the writers (KEYS[1]'s channel) when nobody reads any more: also those that stand behind another of their
    /// process and are not noted yet. Wakes the readers (KEYS[2]'s channel) when no writer is noted.
    static let release = script(
        "release", isSafeToRepeat: false,
        """
        if writer == ARGV[1] then
            redis.call('HDEL', KEYS[1], 'writer', 'until')
        elseif redis.call('ZREM', KEYS[2], ARGV[1]) == 0 then
            return writer and -1 or 0
        end
        if redis.call('EXISTS', KEYS[2], KEYS[3]) == 0 then redis.call('DEL', KEYS[1]) end
        wake(ARGV[2])
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | returns | 1 held by this token, as writer or as reader; 0 absent; −1 absent, and another writes |
    static let check = script(
        "check",
        """
        if writer == ARGV[1] or redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 1 end
        return writer and -1 or 0
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | token |
    /// | ARGV[2] | time to live, ms |
    /// | ARGV[3] | what a wake channel adds to its key |
    /// | returns | 1 a reader now (or already), 0 absent, −1 absent, and another writes |
    static let downgrade = script(
        "downgrade",
        """
        if redis.call('ZSCORE', KEYS[2], ARGV[1]) then return 1 end
        if writer ~= ARGV[1] then return writer and -1 or 0 end
        redis.call('HDEL', KEYS[1], 'writer', 'until')
        read(ARGV[1], tonumber(ARGV[2]))
        wake(ARGV[3])
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | ARGV[1] | the waiter's id |
    /// | ARGV[2] | what a wake channel adds to its key |
    /// | returns | 1 it no longer waits, 0 it did not |
    ///
    /// The last waiting writer that goes lets the readers in.
    static let leave = script(
        "leave",
        """
        if redis.call('ZREM', KEYS[3], ARGV[1]) == 0 then return 0 end
        if not writer then wake(ARGV[2]) end
        return 1
        """)

    /// | | |
    /// |---|---|
    /// | ARGV | as of ``ForceScripts/release`` |
    /// | returns | {1, the last writer's fence, the writer's first 8 digits or empty, how many readers} all of whom lost it; {0} nobody held it |
    static let force = script(
        "forceRelease",
        """
        local held = writer
        local seen = redis.call('HMGET', KEYS[4], 'last', 'forced', 'before', 'readers')
        local last = seen[1]

        """ + ForceScripts.announce + """
            if seen[2] == ARGV[1] then return {1, tonumber(last or 0), seen[3], tonumber(seen[4])} end
            local readers = redis.call('ZCARD', KEYS[2])
            if not held and readers == 0 then return {0} end
            local before = held and string.sub(held, 1, 8) or ''
            redis.call('HDEL', KEYS[1], 'writer', 'until')
            redis.call('DEL', KEYS[2])
            if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('DEL', KEYS[1]) end
            redis.call('HSET', KEYS[4], 'forced', ARGV[1], 'before', before, 'readers', readers)
            redis.call('PEXPIRE', KEYS[4], ARGV[7])
            announce(ARGV[3], 'released', ARGV[4], ARGV[5], ARGV[6], ',"readers":' .. readers)
            wake(ARGV[2])
            return {1, tonumber(last or 0), before, readers}
            """)
}

extension LeaseKind {
    /// Reader or writer: the same token may be either, so that a writer can become a reader under one lease.
    static let readWrite = LeaseKind(
        noun: "read-write lock", renew: ReadWriteScripts.renew, release: ReadWriteScripts.release,
        check: ReadWriteScripts.check)
}
