import RedisCore

/// The scripts of counters: numbers are passed and answered as text, as Lua's have 53 bits.
enum CountersScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the counter |
    /// | KEYS[2] | the mark of the request; absent without one |
    /// | ARGV[1] | `INCRBY` or `INCRBYFLOAT` |
    /// | ARGV[2] | by how much |
    /// | ARGV[3] | time to live of a counter without an end, ms; empty for none |
    /// | ARGV[4] | how long the mark is kept, ms |
    /// | returns | the count, as text; what the request was answered before if it comes again |
    static func add(isMarked: Bool) -> RedisScript { isMarked ? markedAdd : plainAdd }

    private static let plainAdd = RedisScript("counter.add", isSafeToRepeat: false, addSource)
    private static let markedAdd = RedisScript("counter.add", isSafeToRepeat: true, addSource)

    /// Redis adds fractions with more range than a Double has: what no Double could read again is refused before.
    private static let addSource = """
        \(answerAgain)
        if ARGV[1] == 'INCRBYFLOAT' then
            local was = redis.pcall('GET', KEYS[1])
            local sum = type(was) ~= 'table' and (tonumber(was or '0') or 0) + tonumber(ARGV[2])
            if sum and math.abs(sum) == math.huge then
                return redis.error_reply('ERR increment would produce NaN or Infinity')
            end
        end
        local result = redis.pcall(ARGV[1], KEYS[1], ARGV[2])
        if type(result) == 'table' and result.err then return result end
        if ARGV[3] ~= '' and redis.call('PTTL', KEYS[1]) == -1 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
        local value = redis.call('GET', KEYS[1])
        if KEYS[2] then redis.call('SET', KEYS[2], value, 'PX', ARGV[4]) end
        return value
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the counter |
    /// | KEYS[2] | the mark of the request; absent without one |
    /// | ARGV[1] | how long the mark is kept, ms |
    /// | ARGV[2] | what is wanted: `whole` (64 bits), `fraction` (a Double), or `exactly` the text of ARGV[3] |
    /// | ARGV[3] | that text; absent for none that is known yet |
    /// | returns | what was counted, as text, empty for nothing; to a repeated request the same again; an array with the text that stands there instead of the one wanted, and stays |
    ///
    /// What the caller could not read stays. The deletion comes first: a server without memory then takes the mark too.
    static func take(isMarked: Bool) -> RedisScript { isMarked ? markedTake : plainTake }

    private static let plainTake = RedisScript("counter.take", isSafeToRepeat: false, takeSource)
    private static let markedTake = RedisScript("counter.take", isSafeToRepeat: true, takeSource)

    private static let takeSource = """
        \(answerAgain)
        local value = redis.pcall('GET', KEYS[1])
        if type(value) == 'table' then return value end
        if value and ARGV[2] == 'whole' then
            local sign, digits = string.match(value, '^([+-]?)0*(%d+)$')
            local limit = sign == '-' and '9223372036854775808' or '9223372036854775807'
            if not digits or #digits > #limit or (#digits == #limit and digits > limit) then
                return redis.error_reply('ERR value is not an integer or out of range')
            end
        elseif value and ARGV[2] == 'fraction' then
            local number = not string.find(value, '[%s%z]') and tonumber(value)
            if not number or number ~= number or math.abs(number) == math.huge then
                return redis.error_reply('ERR value is not a valid float')
            end
        elseif value and value ~= ARGV[3] then
            return {value}
        end
        redis.call('DEL', KEYS[1])
        if KEYS[2] then redis.call('SET', KEYS[2], value or '', 'PX', ARGV[1]) end
        return value or ''
        """

    /// What may be taken.
    enum Wanted {
        case whole
        case fraction
        /// What a type of the caller's own can read: nil before it was asked what is there.
        case exactly(String?)

        init(_ type: any CounterValue.Type) {
            self = type == Int.self ? .whole : type == Double.self ? .fraction : .exactly(nil)
        }

        var arguments: [any RedisArgument] {
            switch self {
            case .whole: ["whole"]
            case .fraction: ["fraction"]
            case .exactly(nil): ["exactly"]
            case .exactly(let text?): ["exactly", text]
            }
        }
    }

    /// | | |
    /// |---|---|
    /// | KEYS[1] | a counter's buckets: their numbers → counts, and `keep` |
    /// | KEYS[2] | the mark of the request; absent without one |
    /// | ARGV[1] | by how much |
    /// | ARGV[2] | width of a bucket, µs |
    /// | ARGV[3] | how many buckets are kept at least |
    /// | ARGV[4] | how long the mark is kept, ms |
    /// | returns | the bucket's count, as text; what the request was answered before if it comes again |
    ///
    /// Old buckets are looked for once per bucket: when it gets its first count. How many are kept may rise with any
    /// count.
    static func addToBucket(isMarked: Bool) -> RedisScript { isMarked ? markedBucket : plainBucket }

    private static let plainBucket = RedisScript("counter.bucket", isSafeToRepeat: false, bucketSource)
    private static let markedBucket = RedisScript("counter.bucket", isSafeToRepeat: true, bucketSource)

    private static let bucketSource = """
        \(answerAgain)
        \(bucketNow)
        local name = string.format('%.0f', bucket)
        local isNew = redis.call('HEXISTS', KEYS[1], name) == 0
        local result = redis.pcall('HINCRBY', KEYS[1], name, ARGV[1])
        if type(result) == 'table' and result.err then return result end
        local keep = tonumber(redis.call('HGET', KEYS[1], 'keep') or 0)
        local isRaised = keep < tonumber(ARGV[3])
        if isRaised then
            keep = tonumber(ARGV[3])
            redis.call('HSET', KEYS[1], 'keep', ARGV[3])
        end
        if isNew then
            for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
                if field ~= 'keep' and tonumber(field) <= bucket - keep then redis.call('HDEL', KEYS[1], field) end
            end
        end
        if isNew or isRaised then
            redis.call('PEXPIRE', KEYS[1], string.format('%.0f', (keep + 1) * width / 1000))
        end
        local value = redis.call('HGET', KEYS[1], name)
        if KEYS[2] then redis.call('SET', KEYS[2], value, 'PX', ARGV[4]) end
        return value
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | a counter's buckets |
    /// | ARGV[1] | how many |
    /// | ARGV[2] | width of a bucket, µs |
    /// | returns | the current bucket's number, as text; then the last counts, oldest first, null for none |
    static let series = RedisScript(
        "counter.series", isSafeToRepeat: true,
        """
        \(bucketNow)
        local names = {}
        for ago = tonumber(ARGV[1]) - 1, 0, -1 do names[#names + 1] = string.format('%.0f', bucket - ago) end
        local counts = redis.call('HMGET', KEYS[1], unpack(names))
        table.insert(counts, 1, string.format('%.0f', bucket))
        return counts
        """)

    private static let answerAgain = """
        if KEYS[2] then
            local answer = redis.call('GET', KEYS[2])
            if answer then return answer end
        end
        """

    private static let bucketNow = """
        local time = redis.call('TIME')
        local width = tonumber(ARGV[2])
        local bucket = math.floor((tonumber(time[1]) * 1000000 + tonumber(time[2])) / width)
        """
}
