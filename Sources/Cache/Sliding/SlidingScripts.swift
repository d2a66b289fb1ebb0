import RedisCore

/// The script of reads that renew lives.
enum SlidingScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[…] | entries |
    /// | returns | each one's bytes or nil, and then how many lives could not be renewed |
    ///
    /// What it renews is what it reads, in one step: no entry that was rewritten, deleted, or has a life of its own. An
    /// entry that slides (bit 16 of byte 3, see ``Envelope``) carries its time, its longest life and its idle time in
    /// bytes 7 to 30. Its life becomes the idle time or what is left until its absolute end, and never shorter than it
    /// is; beyond that end, where only another program's PERSIST can have kept it, it is deleted. What has flags that
    /// are not in the table is left alone. A server that does not take writes answers all the same.
    ///
    /// Each key is a decision of its own: a client that knows a cluster's slots may split the call by them.
    static let read = RedisScript(
        "cache.read", isSafeToRepeat: true,
        """
        local found = redis.call('MGET', unpack(KEYS))
        local now
        local failed = 0
        for i, key in ipairs(KEYS) do
            local entry = found[i]
            local magic, version, flags
            if entry and #entry >= 30 then magic, version, flags = entry:byte(1, 3) end
            if magic == 251 and version == 1 and flags >= 16 and flags < 32 then
                if not now then
                    local time = redis.call('TIME')
                    now = tonumber(time[1]) * 1000000 + tonumber(time[2])
                end
                local written, span, idle = struct.unpack('>I8I8I8', entry, 7)
                local left = math.floor((span - math.max(0, now - written)) / 1000)
                if left < 1 then
                    redis.pcall('UNLINK', key)
                    found[i] = false
                else
                    local life = math.max(1, math.min(idle, left, \(CacheTTL.longest.wholeMilliseconds)))
                    if redis.call('PTTL', key) < life then
                        local done = redis.pcall('PEXPIRE', key, string.format('%.0f', life))
                        if type(done) == 'table' then failed = failed + 1 end
                    end
                end
            end
        end
        found[#KEYS + 1] = failed
        return found
        """)

    /// One call reads at most so many: what it reads is in Lua's memory, and nobody else is served meanwhile.
    static let mostKeys = 128
}
