import RedisCore

/// The scripts about one item of an ``IndexedCache``.
///
/// All begin with ``prelude`` and with the same keys and arguments:
///
/// | | |
/// |---|---|
/// | KEYS[1] | the item |
/// | KEYS[2] | `due`: names by the end of their items, server time, µs |
/// | KEYS[3] | `expired`: ends to be told, by the time from which they may be claimed, µs |
/// | KEYS[4] | the kept copy of the value |
/// | ARGV[1] | the root of the namespace's keys |
/// | ARGV[2] | the item's name |
///
/// Keys of indexes that an item leaves are made from the root and from what the item says of itself; like all keys of
/// a namespace they lie in the slot of the declared ones.
enum IndexedScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[5…] | the indexes that are to list it |
    /// | ARGV[3] | tracking: empty, `keys` or `values` |
    /// | ARGV[4] | how long an end may wait to be told, ms |
    /// | ARGV[5] | time to live, ms; empty for none |
    /// | ARGV[6] | this write's version |
    /// | ARGV[7] | the memberships |
    /// | ARGV[8], ARGV[9] | the entry's bytes before the time and behind it |
    /// | returns | the server's time, µs |
    ///
    /// A repeated write finds its version and leaves what others wrote since.
    static let set = script(
        "indexed.set", isSafeToRepeat: true,
        #"""
        local versions, members = head(KEYS[1])
        if contains(versions, ARGV[6]) then return now end
        if versions == '' and redis.call('EXISTS', KEYS[1]) == 0 then overtake() end
        local bytes = assemble(versions, ARGV[6], ARGV[7], ARGV[8], ARGV[9])
        local ends = store(bytes, ARGV[5])
        if members ~= ARGV[7] then leave(members) end
        enter(ARGV[7], ends)
        track(ends, bytes)
        return now
        """#)

    /// | | |
    /// |---|---|
    /// | ARGV[3], ARGV[4] | as above |
    /// | ARGV[5] | time to live, ms; empty for none, `keep` for what is left |
    /// | ARGV[6] | this write's version |
    /// | ARGV[7] | the version that it is to replace |
    /// | ARGV[8], ARGV[9] | the entry's bytes before the time and behind it |
    /// | returns | {1} done; {0} there is no item; {−1, bytes} another write was faster, and the item now |
    static let revise = script(
        "indexed.revise", isSafeToRepeat: true,
        #"""
        local versions, members = head(KEYS[1])
        if contains(versions, ARGV[6]) then return {1} end
        if versions == '' and redis.call('EXISTS', KEYS[1]) == 0 then return {0} end
        if string.sub(versions, 1, 8) ~= ARGV[7] then return {-1, redis.call('GET', KEYS[1])} end
        local bytes = assemble(versions, ARGV[6], members, ARGV[8], ARGV[9])
        if ARGV[5] == 'keep' then
            redis.call('SET', KEYS[1], bytes, 'KEEPTTL')
            redis.call('SET', KEYS[4], bytes, 'XX', 'KEEPTTL')
        else
            local ends = store(bytes, ARGV[5])
            enter(members, ends)
            track(ends, bytes)
        end
        return {1}
        """#)

    /// | | |
    /// |---|---|
    /// | returns | 1 deleted, 0 there was none |
    ///
    /// An end that has come is told all the same; one that was still to come is not.
    static let delete = script(
        "indexed.delete", isSafeToRepeat: true,
        #"""
        local versions, members = head(KEYS[1])
        local deleted = redis.call('UNLINK', KEYS[1])
        leave(members)
        local due = redis.call('ZSCORE', KEYS[2], name)
        if due and (deleted == 1 or tonumber(due) >= ms * 1000) then
            redis.call('ZREM', KEYS[2], name)
            redis.call('UNLINK', KEYS[4])
        end
        return deleted
        """#)

    /// | | |
    /// |---|---|
    /// | ARGV[3], ARGV[4], ARGV[5] | as for `set` |
    /// | returns | 1 done, 0 there is no item |
    static let setTTL = script(
        "indexed.setTTL", isSafeToRepeat: true,
        #"""
        if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
        local versions, members = head(KEYS[1])
        local ends = limit(ARGV[5])
        enter(members, ends)
        track(ends, nil)
        return 1
        """#)

    /// | | |
    /// |---|---|
    /// | ARGV[3], ARGV[4], ARGV[5] | as for `set`; the time to live is for a counter that is new |
    /// | ARGV[6] | by how much |
    /// | returns | the counter as text: numbers of scripts have 53 bits |
    static let increment = script(
        "indexed.increment", isSafeToRepeat: false,
        #"""
        local isNew = redis.call('EXISTS', KEYS[1]) == 0
        if isNew then overtake() end
        local reply = redis.pcall('INCRBY', KEYS[1], ARGV[6])
        if type(reply) == 'table' then
            -- A server that is full or takes no writes says nothing about the value.
            local isOurs = string.find(reply.err, 'not an integer') or string.find(reply.err, 'overflow')
                or string.find(reply.err, '^WRONGTYPE')
            return isOurs and redis.error_reply('WRONGTYPE not a counter, or beyond 64 bits') or reply
        end
        local value = redis.call('GET', KEYS[1])
        if isNew then
            track(limit(ARGV[5]), value)
        else
            redis.call('SET', KEYS[4], value, 'XX', 'KEEPTTL')
        end
        return value
        """#)

    static func script(_ name: String, isSafeToRepeat: Bool, _ body: String) -> RedisScript {
        RedisScript(name, isSafeToRepeat: isSafeToRepeat, prelude + body)
    }
}
