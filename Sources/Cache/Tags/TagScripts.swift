import RedisCore

/// The scripts of tags and namespaces.
///
/// A tag's stamp is the server's time at which it was last invalidated; an entry that carries the tag is dead if its
/// value was true at that time or before. So invalidating costs the same for one entry and for a million, and a load
/// that began before an invalidation is dead when it arrives, whichever of the two writes comes first.
enum TagScripts {
    /// How far a stamp may be ahead of the server's clock because that went back, ms: an hour.
    ///
    /// A clock that was wrong by more must not kill whatever is loaded until it has caught up.
    static let longestLead: Int64 = 3_600_000

    /// | | |
    /// |---|---|
    /// | KEYS[…] | stamps: of tags, which share a slot, or of one namespace |
    /// | ARGV[1] | how long they are remembered at least, ms; empty for always |
    /// | ARGV[2] | the latest time, µs, that the server's clock is known to have shown |
    /// | ARGV[3] | how far ahead of the clock that may be, µs |
    /// | returns | the stamp, µs: the server's time, always later than the last |
    ///
    /// A stamp that is to be remembered for longer is: another cache of the same tags may keep entries for longer.
    static let stamp = RedisScript(
        "cache.stamp", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local seen = tonumber(ARGV[2])
        if seen > now and seen - now <= tonumber(ARGV[3]) then now = seen end
        for _, key in ipairs(KEYS) do
            local last = tonumber(redis.call('GET', key) or 0) or 0
            if last >= now then now = last + 1 end
        end
        local text = string.format('%.0f', now)
        for _, key in ipairs(KEYS) do
            if ARGV[1] == '' then
                redis.call('SET', key, text)
            else
                local life = math.max(redis.call('PTTL', key), tonumber(ARGV[1]))
                redis.call('SET', key, text, 'PX', string.format('%.0f', life))
            end
        end
        return now
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | an entry that was read as dead |
    /// | ARGV[1] | the stamp of its namespaces, µs: what is not later is dead |
    /// | ARGV[2] | the time, µs, of the entry that was read, if a tag killed it; else empty |
    /// | returns | 1 deleted; 0 gone, or a newer one that lives |
    ///
    /// The time stands in bytes 7 to 14 of an entry, see ``Envelope``; it is below 2^53, which Lua's numbers hold.
    static let reap = RedisScript(
        "cache.reap", isSafeToRepeat: true,
        """
        local head = redis.pcall('GETRANGE', KEYS[1], 0, 13)
        if type(head) ~= 'string' or #head < 14 then return 0 end
        if head:byte(1) ~= 251 or head:byte(2) ~= 1 then return 0 end
        local written = struct.unpack('>I8', head, 7)
        if written <= tonumber(ARGV[1]) or string.format('%.0f', written) == ARGV[2] then
            return redis.call('UNLINK', KEYS[1])
        end
        return 0
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the stamp of a namespace of which everything dead was deleted |
    /// | ARGV[1] | that stamp, µs |
    /// | ARGV[2] | how long it is still remembered, ms |
    /// | returns | 1 done, 0 there is a newer one |
    static let retire = RedisScript(
        "cache.retire", isSafeToRepeat: true,
        """
        if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
        return redis.call('PEXPIRE', KEYS[1], ARGV[2])
        """)
}
