import RedisCore

/// The scripts of single entries.
///
/// Every one that changes an entry ends its fill lease, so that a load which began before cannot land after. Where
/// memory is needed that comes first: after a DEL a server out of memory would let the rest of the script write. Waking
/// those who wait for the lease is a hint and may be refused (pcall): they look again by themselves.
enum CacheScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | ARGV[1] | the entry's bytes before the time |
    /// | ARGV[2] | the bytes behind it |
    /// | ARGV[3] | time to live, ms; empty for none |
    /// | ARGV[4] | `NX` or empty |
    /// | ARGV[5] | what the wake channel adds to the lease's key |
    /// | returns | the server's time, µs, which is in the entry; −1 when the condition did not hold |
    ///
    /// Setting the same twice is harmless but for NX: its second answer is "exists".
    static func set(isConditional: Bool) -> RedisScript { isConditional ? conditionalSet : plainSet }

    private static let plainSet = RedisScript("cache.set", isSafeToRepeat: true, setSource)
    private static let conditionalSet = RedisScript("cache.set", isSafeToRepeat: false, setSource)

    private static let setSource = """
        if ARGV[4] == 'NX' and redis.call('EXISTS', KEYS[1]) == 1 then return -1 end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local entry = ARGV[1] .. struct.pack('>I8', now) .. ARGV[2]
        if ARGV[3] == '' then
            redis.call('SET', KEYS[1], entry)
        else
            redis.call('SET', KEYS[1], entry, 'PX', ARGV[3])
        end
        if redis.call('DEL', KEYS[2]) == 1 then redis.pcall('PUBLISH', KEYS[2] .. ARGV[5], '') end
        return now
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | ARGV[1] | what the wake channel adds to the lease's key |
    /// | returns | 1 deleted, 0 there was none |
    static let delete = RedisScript(
        "cache.delete", isSafeToRepeat: true,
        """
        if redis.call('DEL', KEYS[2]) == 1 then redis.pcall('PUBLISH', KEYS[2] .. ARGV[1], '') end
        return redis.call('UNLINK', KEYS[1])
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | KEYS[2] | its fill lease |
    /// | ARGV[1] | the bytes that are expected |
    /// | ARGV[2] | the new entry's bytes before the time; empty to delete |
    /// | ARGV[3] | the bytes behind it |
    /// | ARGV[4] | time to live, ms; empty for none, `keep` for what is left |
    /// | ARGV[5] | what the wake channel adds to the lease's key |
    /// | ARGV[6] | since when the new value counts, server time, µs; empty for now |
    /// | ARGV[7] | the longest life that `keep` keeps, ms; empty for any |
    /// | returns | the server's time, µs; −1 when the entry is another or gone |
    static let swap = RedisScript(
        "cache.swap", isSafeToRepeat: false,
        """
        local entry = redis.call('GET', KEYS[1])
        if entry ~= ARGV[1] then return -1 end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        if ARGV[2] == '' then
            redis.call('UNLINK', KEYS[1])
        else
            local new = ARGV[2] .. struct.pack('>I8', tonumber(ARGV[6]) or now) .. ARGV[3]
            local life = ARGV[4]
            if life == 'keep' and ARGV[7] ~= '' then
                local left = redis.call('PTTL', KEYS[1])
                if left < 0 or left > tonumber(ARGV[7]) then life = ARGV[7] end
            end
            if life == '' then
                redis.call('SET', KEYS[1], new)
            elseif life == 'keep' then
                redis.call('SET', KEYS[1], new, 'KEEPTTL')
            else
                redis.call('SET', KEYS[1], new, 'PX', life)
            end
        end
        if redis.call('DEL', KEYS[2]) == 1 then redis.pcall('PUBLISH', KEYS[2] .. ARGV[5], '') end
        return now
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the entry |
    /// | ARGV[1] | `in` a time, `at` a date, empty for no end; `touch` as a read would, or else in a time |
    /// | ARGV[2] | that time or date of the server's clock, ms; empty for none |
    /// | ARGV[3] | the longest life of an entry with tags, ms |
    /// | returns | 1 moved; 0 there is none; 2 it has no end already |
    ///
    /// With tags (bit 8 of byte 3, see ``Envelope``) the end is at most that long after the entry's time: whatever
    /// invalidates it comes later than that and is remembered for as long. An end that is later already stays. An entry
    /// that slides (bit 16) ends at its absolute end at the latest.
    static let life = RedisScript(
        "cache.life", isSafeToRepeat: true,
        """
        local way, wanted = ARGV[1], ARGV[2]
        local head = redis.pcall('GETRANGE', KEYS[1], 0, 29)
        local isTagged, slides = false, false
        if type(head) == 'string' and #head >= 14 and head:byte(1) == 251 then
            local flags = head:byte(3)
            isTagged = flags % 16 >= 8
            slides = #head == 30 and head:byte(2) == 1 and flags >= 16 and flags < 32
        end
        if way == 'touch' and not slides then way = wanted == '' and '' or 'in' end
        if isTagged or slides then
            local time = redis.call('TIME')
            local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
            local age = math.max(0, now - math.floor(struct.unpack('>I8', head, 7) / 1000))
            local most = math.huge
            if isTagged then most = math.max(1, tonumber(ARGV[3]) - age, redis.call('PTTL', KEYS[1])) end
            if slides then
                local span, idle = struct.unpack('>I8I8', head, 15)
                most = math.max(1, math.min(most, math.floor(span / 1000) - age, \(CacheTTL.longest.wholeMilliseconds)))
                if way == 'touch' then way, wanted = 'in', string.format('%.0f', math.max(1, math.min(idle, most))) end
            end
            local life = tonumber(wanted) or most
            if way == 'at' then life = life - now end
            if way == '' or life > most then
                return redis.call('PEXPIRE', KEYS[1], string.format('%.0f', most))
            end
        end
        if way == 'in' then return redis.call('PEXPIRE', KEYS[1], wanted) end
        if way == 'at' then return redis.call('PEXPIREAT', KEYS[1], wanted) end
        if redis.call('PERSIST', KEYS[1]) == 1 then return 1 end
        return redis.call('EXISTS', KEYS[1]) * 2
        """)
}
