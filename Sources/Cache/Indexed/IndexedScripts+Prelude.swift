extension IndexedScripts {
    /// What the scripts about items have in common.
    ///
    /// - `head(key)`: an item's versions and memberships, empty for counters and for nothing; reads no value.
    /// - `enter`, `leave`: an item's place in its indexes, scored by its end. Entering takes up to a hundred members
    ///   whose time is over out of each index, more than came in, so that an index nobody asks cannot grow for ever.
    /// - `settle`: a sorted set lives as long as its last member.
    /// - `overtake`: an end that has come, and is about to be overwritten, becomes one to be told.
    /// - `track`: notes an item's end, and keeps its value if that is wanted; without `bytes` the value did not change.
    ///   Who does not track ends still corrects those that others noted.
    ///
    /// Redis drops a key once its millisecond is over: an item that ends in millisecond e is gone when e < now.
    static let prelude =
        timePrelude + #"""
            local name = ARGV[2]

            local function head(key)
                local bytes = redis.call('GETRANGE', key, 0, 255)
                local magic, layout, count = string.byte(bytes, 1, 3)
                if magic ~= 250 or layout ~= 1 or not count then return '', '' end
                local from = 3 + 8 * count
                local size = 256 * (string.byte(bytes, from + 1) or 0) + (string.byte(bytes, from + 2) or 0)
                if #bytes < from + 2 + size then bytes = redis.call('GETRANGE', key, 0, from + 1 + size) end
                return string.sub(bytes, 4, from), string.sub(bytes, from + 3, from + 2 + size)
            end

            local function contains(versions, version)
                for i = 1, #versions, 8 do
                    if string.sub(versions, i, i + 7) == version then return true end
                end
                return false
            end

            local function assemble(versions, version, members, front, back)
                versions = string.sub(version .. versions, 1, 32)
                return string.char(250, 1, #versions / 8) .. versions .. struct.pack('>I2', #members) .. members
                    .. front .. struct.pack('>I8', now) .. back
            end

            local function limit(life)
                if life == '' then
                    redis.call('PERSIST', KEYS[1])
                    return nil
                end
                local ends = ms + tonumber(life)
                redis.call('PEXPIREAT', KEYS[1], text(ends))
                return ends
            end

            local function store(bytes, life)
                redis.call('SET', KEYS[1], bytes)
                return limit(life)
            end

            local function leave(members)
                for index, value in string.gmatch(members, '\1([^\2]+)\2([^\3]+)\3') do
                    local key = root .. ':index:' .. index .. ':' .. value
                    if redis.call('ZREM', key, name) == 1 then settle(key, 0) end
                end
            end

            local function enter(members, ends)
                for index, value in string.gmatch(members, '\1([^\2]+)\2([^\3]+)\3') do
                    local key = root .. ':index:' .. index .. ':' .. value
                    prune(key, 100)
                    redis.call('ZADD', key, ends and text(ends * 1000) or '+inf', name)
                    settle(key, 0)
                end
            end

            local function overtake()
                local due = redis.call('ZSCORE', KEYS[2], name)
                if not due or tonumber(due) >= ms * 1000 then return end
                local event = text(tonumber(due) / 1000) .. ':' .. name
                redis.call('ZREM', KEYS[2], name)
                redis.call('ZADD', KEYS[3], 'NX', text(now), event)
                redis.call('PEXPIREAT', KEYS[3], text(ms + tonumber(ARGV[4])))
                if redis.call('EXISTS', KEYS[4]) == 1 then
                    redis.call('RENAME', KEYS[4], root .. ':gone:' .. event)
                end
            end

            local function track(ends, bytes)
                local isTracked = ARGV[3] ~= ''
                if not isTracked and not redis.call('ZSCORE', KEYS[2], name) then return end
                if not ends then
                    redis.call('ZREM', KEYS[2], name)
                    redis.call('UNLINK', KEYS[4])
                    return
                end
                redis.call('ZADD', KEYS[2], text(ends * 1000), name)
                settle(KEYS[2], tonumber(ARGV[4]))
                if not bytes and ARGV[3] == 'values' and redis.call('EXISTS', KEYS[4]) == 0 then
                bytes = redis.call('GET', KEYS[1])
            end
            if bytes and ARGV[3] == 'values' then
                    redis.call('SET', KEYS[4], bytes)
                elseif bytes then
                    redis.call('UNLINK', KEYS[4])
                end
                redis.call('PEXPIREAT', KEYS[4], text(ends + tonumber(ARGV[4])))
            end

            """#

    /// The server's time, read once, and what every script of a namespace needs; ARGV[1] is the root of its keys.
    static let timePrelude = #"""
        local root = ARGV[1]
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local ms = math.floor(now / 1000)
        local function text(number) return string.format('%.0f', number) end

        local function settle(key, extra)
            local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
            if last == 'inf' then
                redis.call('PERSIST', key)
            elseif last then
                redis.call('PEXPIREAT', key, text(tonumber(last) / 1000 + 1 + extra))
            end
        end

        local function prune(key, most)
            local over = redis.call('ZRANGEBYSCORE', key, '-inf', '(' .. text(ms * 1000), 'LIMIT', 0, most)
            if #over > 0 then redis.call('ZREM', key, unpack(over)) end
            return #over
        end

        """#
}
