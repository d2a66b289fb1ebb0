import RedisCore

extension IndexedScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the index |
    /// | ARGV[1] | the root of the namespace's keys |
    /// | ARGV[2] | the membership that items must have to be listed |
    /// | ARGV[3] | where to go on, `0` at the beginning |
    /// | ARGV[4] | about how many |
    /// | ARGV[5] | `1` for values too, `0` for names only |
    /// | returns | {where to go on or `0`, how many were pruned, name, value, name, value …}; names only: {…, name, name …} |
    ///
    /// A member is listed if its item is there and says itself that it belongs here; any other is taken out. An index
    /// of at most that many members comes whole; a larger one by ZSCAN, which misses nothing that is there all the
    /// time.
    static let query = RedisScript(
        "indexed.query", isSafeToRepeat: true,
        timePrelude + #"""
            local most = tonumber(ARGV[4])
            local pruned = prune(KEYS[1], 1000)
            local cursor, names = '0', {}
            if ARGV[3] == '0' and redis.call('ZCARD', KEYS[1]) <= most then
                names = redis.call('ZRANGE', KEYS[1], 0, -1)
            else
                local page = redis.call('ZSCAN', KEYS[1], ARGV[3], 'COUNT', most)
                cursor = page[1]
                for i = 1, #page[2], 2 do names[#names + 1] = page[2][i] end
            end

            local function belongs(bytes)
                local magic, layout, count = string.byte(bytes, 1, 3)
                if magic ~= 250 or layout ~= 1 or not count then return false end
                local from = 3 + 8 * count
                local size = 256 * (string.byte(bytes, from + 1) or 0) + (string.byte(bytes, from + 2) or 0)
                if #bytes < from + 2 + size then return nil end
                local first, last = string.find(bytes, ARGV[2], from + 3, true)
                return first ~= nil and last <= from + 2 + size
            end

            local result, dangling = {cursor, 0}, {}
            for _, name in ipairs(names) do
                local key = root .. ':item:' .. name
                local bytes, isHere
                if ARGV[5] == '1' then
                    bytes = redis.call('GET', key)
                    isHere = bytes and belongs(bytes)
                else
                    isHere = belongs(redis.call('GETRANGE', key, 0, 255))
                    if isHere == nil then isHere = belongs(redis.call('GETRANGE', key, 0, 65535 + 2048)) end
                end
                if isHere then
                    result[#result + 1] = name
                    if bytes then result[#result + 1] = bytes end
                else
                    dangling[#dangling + 1] = name
                end
            end
            for i = 1, #dangling, 1000 do
                redis.call('ZREM', KEYS[1], unpack(dangling, i, math.min(i + 999, #dangling)))
            end
            if #dangling > 0 then settle(KEYS[1], 0) end
            result[2] = text(pruned + #dangling)
            return result
            """#)
}
