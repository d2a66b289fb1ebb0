/// How each algorithm keeps its record.
extension LimitScripts {
    /// The numbers of the last calls, newest first, each with what it took: eight bytes a call.
    static let numbers = """
        local function noted(ids)
            for i = 1, #ids, 8 do
                local seen, taken = struct.unpack('<I4I4', ids, i)
                if seen == id then return taken end
            end
        end
        local function note(ids, taken, most)
            return string.sub(struct.pack('<I4I4', id, taken) .. ids, 1, 8 * most)
        end

        """

    /// A list: `sum, time, number, sum, time, number, sum, …`, oldest first.
    ///
    /// Each admitted call is a time, its number, and the sum of all costs up to it; in front stands the sum before
    /// the oldest. So a call of any cost takes three small integers, cutting the front off leaves the right sum there,
    /// and whatever depends on sums or times is found by bisection.
    static let logRecord = """
        local function first(last, test)
            local low, step = -1, 1
            while low + step < last and not test(low + step) do
                low = low + step
                step = step * 2
            end
            local high = math.min(low + step, last)
            while high - low > 1 do
                local middle = math.floor((low + high) / 2)
                if test(middle) then high = middle else low = middle end
            end
            return high
        end
        function open.log(key, limit, window)
            local head = redis.call('LRANGE', key, 0, 1)
            local newest = head[1] and redis.call('LRANGE', key, -3, -1)
            local isLive = newest and tonumber(newest[1]) > now - window
            local base, oldest, sum, skip = 0, now, 0, 0
            local function time(entry) return tonumber(redis.call('LINDEX', key, 3 * entry + 1)) end
            local function last() return (redis.call('LLEN', key) - 1) / 3 - 1 end
            if isLive then
                if tonumber(newest[1]) > now and not dry then
                    local past = first(last(), function(entry) return time(entry) > now end)
                    redis.call('LTRIM', key, 0, 3 * past)
                    redis.call('RPUSH', key, now, newest[2], newest[3])
                    redis.call('PEXPIRE', key, life(window))
                    head = redis.call('LRANGE', key, 0, 1)
                end
                if tonumber(head[2]) <= now - window then
                    skip = first(last(), function(entry) return time(entry) > now - window end)
                    head = redis.call('LRANGE', key, 3 * skip, 3 * skip + 1)
                end
                base, oldest, sum = tonumber(head[1]), tonumber(head[2]), tonumber(newest[3])
            end
            local free = limit - (sum - base)
            local function retry(needed)
                local entry = skip + first(last() - skip, function(entry)
                    return tonumber(redis.call('LINDEX', key, 3 * (skip + entry) + 3)) - base >= needed - free
                end)
                return math.min(time(entry) + window - now, window)
            end
            local function take(taken)
                if isLive then
                    if skip > 0 then redis.call('LTRIM', key, 3 * skip, -1) end
                    redis.call('RPUSH', key, now, id, sum + taken)
                else
                    if newest then redis.call('DEL', key) end
                    redis.call('RPUSH', key, 0, now, id, taken)
                    isLive, oldest = true, now
                end
                redis.call('PEXPIRE', key, life(window))
            end
            local function reset() return isLive and math.min(oldest + window - now, window) or 0 end
            local function known()
                local all = isLive and redis.call('LRANGE', key, 3 * skip, -1) or {}
                for i = 3, #all, 3 do
                    if tonumber(all[i]) == id then return tonumber(all[i + 1]) - tonumber(all[i - 2]) end
                end
            end
            return {free, reset, retry, take, known}
        end

        """

    /// A string: newest bucket, units in all, bytes of buckets; then (number modulo 2¹⁶, units) of each bucket that has
    /// any, oldest first; then the last calls.
    ///
    /// A bucket counts until it has left the window as a whole, so `count` + 1 of them do.
    static let bucketsRecord = """
        function open.buckets(key, limit, window, count)
            local length = math.ceil(window / count)
            local slot = math.floor(now / length)
            local used, counts, ids, newest = 0, '', '', slot
            local raw = redis.call('GET', key)
            local function save()
                redis.call('SET', key, struct.pack('<ddI2', slot, used, #counts) .. counts .. ids,
                    'PX', life((count + 1) * length))
            end
            local function bucket(at)
                local number, taken = struct.unpack('<I2I4', counts, at)
                return (slot - number) % 65536, taken
            end
            if raw then
                local size
                newest, used, size = struct.unpack('<ddI2', raw)
                counts, ids = string.sub(raw, 19, 18 + size), string.sub(raw, 19 + size)
            end
            if newest > slot then
                local moved = {}
                for at = 1, #counts, 6 do
                    local number, taken = struct.unpack('<I2I4', counts, at)
                    moved[#moved + 1] = struct.pack('<I2I4', (number + slot - newest) % 65536, taken)
                end
                counts = table.concat(moved)
                if not dry then save() end
            elseif slot - newest > count then
                counts, used = '', 0
            end
            local at = 1
            while at < #counts do
                local age, taken = bucket(at)
                if age <= count then break end
                used = used - taken
                at = at + 6
            end
            counts = string.sub(counts, at)
            local function gone(age) return (slot - age + count + 1) * length - now end
            local function reset() return used > 0 and gone((bucket(1))) or 0 end
            local function retry(needed)
                local freed, at, age, taken = limit - used, 1, 0, 0
                while freed < needed and at < #counts do
                    age, taken = bucket(at)
                    freed = freed + taken
                    at = at + 6
                end
                return gone(age)
            end
            local function take(taken)
                local age, before = 1, 0
                if used > 0 then age, before = bucket(#counts - 5) end
                if age == 0 then counts = string.sub(counts, 1, -7) else before = 0 end
                counts = counts .. struct.pack('<I2I4', slot % 65536, before + taken)
                used = used + taken
                ids = note(ids, taken, 8)
                save()
            end
            return {limit - used, reset, retry, take, function() return noted(ids) end}
        end

        """

    /// A string: debt and its time, as doubles; then the last calls.
    ///
    /// The debt is the bucket's missing content in whole numbers, see ``RateLimit/rate``; it is the distance of GCRA's
    /// theoretical arrival time from now, without its rounding. Up to 44 bytes Redis keeps in one allocation.
    static let tokensRecord = """
        function open.tokens(key, leak, weight, burst)
            local debt, at, ids = 0, now, ''
            local raw = redis.call('GET', key)
            local function save()
                redis.call('SET', key, struct.pack('<dd', debt, now) .. ids, 'PX', life(debt / leak))
            end
            if raw then
                debt, at = struct.unpack('<dd', raw)
                ids = string.sub(raw, 17)
                if at <= now then debt = math.max(0, debt - (now - at) * leak) elseif not dry then save() end
            end
            local full = burst * weight
            local function wait(needed) return math.ceil((debt + needed * weight - full) / leak) end
            local function free() return math.floor((full - debt) / weight) end
            local function reset() return debt > 0 and wait(free() + 1) or 0 end
            local function take(taken)
                debt = debt + taken * weight
                ids = note(ids, taken, 3)
                save()
            end
            return {free(), reset, wait, take, function() return noted(ids) end}
        end

        """

    /// A string: the window's beginning and its units, as doubles; then the last calls.
    static let fixedRecord = """
        function open.fixed(key, limit, window)
            local start, used, ids = now, 0, ''
            local raw = redis.call('GET', key)
            local function save()
                redis.call('SET', key, struct.pack('<dd', start, used) .. ids, 'PX', life(start + window - now))
            end
            if raw then
                start, used = struct.unpack('<dd', raw)
                ids = string.sub(raw, 17)
                if now >= start + window then
                    start, used = now, 0
                elseif start > now then
                    start = now
                    if not dry then save() end
                end
            end
            local function left() return start + window - now end
            local function take(taken)
                used = used + taken
                ids = note(ids, taken, 3)
                save()
            end
            local function reset() return used > 0 and left() or 0 end
            return {limit - used, reset, left, take, function() return noted(ids) end}
        end

        """
}
