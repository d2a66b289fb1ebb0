import RedisCore

/// The scripts of leaderboards: scores are passed and answered as text, exactly.
///
/// Every one begins with the window, ARGV[1] and ARGV[2]: from and to, µs, empty for a board of all time. What the
/// caller takes for the current window is part of the keys, so a script that runs outside of it touches nothing and
/// answers `{0, the server's time in µs}`. Otherwise the answer begins with 1 and the time (`0` where it was not read).
enum LeaderboardScripts {
    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3], ARGV[4] | `PEXPIRE` or `PEXPIREAT` and its ms for a board without an end; empty for none |
    /// | ARGV[5] | how many members are kept; 0 for all |
    /// | ARGV[6] | `high` or `low`: which scores are the best |
    /// | ARGV[7] | `GT`, `LT` or empty: change a member's score only if it rises, or falls |
    /// | ARGV[8], ARGV[9] … | a score and its member, up to 1,000 |
    /// | returns | 1, time; for each member 1 if its score is new; for each member its score, null if it was cut off |
    static let set = RedisScript(
        "board.set", isSafeToRepeat: true,
        """
        \(checkWindow)
        local answer = {1, now}
        for i = 8, #ARGV, 2 do
            if ARGV[7] == '' then
                answer[#answer + 1] = redis.call('ZADD', KEYS[1], 'CH', ARGV[i], ARGV[i + 1])
            else
                answer[#answer + 1] = redis.call('ZADD', KEYS[1], ARGV[7], 'CH', ARGV[i], ARGV[i + 1])
            end
        end
        \(settle)
        for i = 8, #ARGV, 2 do answer[#answer + 1] = redis.call('ZSCORE', KEYS[1], ARGV[i + 1]) end
        return answer
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | KEYS[2] | the mark of the request; absent without one |
    /// | ARGV[1] to ARGV[6] | as above |
    /// | ARGV[7], ARGV[8] | by how much, and the member |
    /// | ARGV[9] | how long the mark is kept, ms |
    /// | returns | 1, time, 1 if the score is new, the score or null if it was cut off; again the same |
    static func increment(isMarked: Bool) -> RedisScript { isMarked ? markedIncrement : plainIncrement }

    private static let plainIncrement = RedisScript("board.increment", isSafeToRepeat: false, incrementSource)
    private static let markedIncrement = RedisScript("board.increment", isSafeToRepeat: true, incrementSource)

    private static let incrementSource = """
        if KEYS[2] then
            local answer = redis.call('GET', KEYS[2])
            if answer then
                local score = string.sub(answer, 2)
                return {1, '0', tonumber(string.sub(answer, 1, 1)), score ~= '' and score}
            end
        end
        \(checkWindow)
        local before = redis.call('ZSCORE', KEYS[1], ARGV[8])
        local sum = tonumber(before or 0) + tonumber(ARGV[7])
        local changed = (not before or tonumber(before) ~= sum) and 1 or 0
        if sum == math.huge or sum == -math.huge then return {err = 'ERR the score would overflow'} end
        redis.call('ZINCRBY', KEYS[1], ARGV[7], ARGV[8])
        \(settle)
        local score = redis.call('ZSCORE', KEYS[1], ARGV[8])
        if KEYS[2] then redis.call('SET', KEYS[2], changed .. (score or ''), 'PX', ARGV[9]) end
        return {1, now, changed, score}
        """

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3] … | members, up to 1,000; none for the whole board |
    /// | returns | 1, time, how many there were |
    static let remove = RedisScript(
        "board.remove", isSafeToRepeat: true,
        """
        \(checkWindow)
        if ARGV[3] then return {1, now, redis.call('ZREM', KEYS[1], unpack(ARGV, 3))} end
        local count = redis.call('ZCARD', KEYS[1])
        redis.call('UNLINK', KEYS[1])
        return {1, now, count}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3] | `high` or `low` |
    /// | ARGV[4] | `top`, `bottom` or `around` |
    /// | ARGV[5], ARGV[6] | how many are skipped and read; around: how many above and below |
    /// | ARGV[7] | around: the member |
    /// | returns | 1, time, the total, position of the first from 0, how many are better, members and scores |
    static let page = RedisScript("board.page", isSafeToRepeat: true, "\(checkWindow)\n\(readPage)")

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the sum of several windows, kept for a moment |
    /// | KEYS[2] … | the windows |
    /// | ARGV[1] to ARGV[7] | as above |
    /// | ARGV[8] | `SUM`, `MAX` or `MIN` |
    /// | ARGV[9] | how long the sum is kept, ms |
    /// | returns | as above, of the sum |
    static let union = RedisScript(
        "board.union", isSafeToRepeat: true,
        """
        \(checkWindow)
        if redis.call('EXISTS', KEYS[1]) == 0 then
            local arguments = {'ZUNIONSTORE', KEYS[1], #KEYS - 1, unpack(KEYS, 2)}
            arguments[#arguments + 1] = 'AGGREGATE'
            arguments[#arguments + 1] = ARGV[8]
            redis.call(unpack(arguments))
            redis.call('PEXPIRE', KEYS[1], ARGV[9])
        end
        \(readPage)
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3] | `high` or `low` |
    /// | ARGV[4] | the member |
    /// | returns | 1, time, how many are on the board; then its position from 0, how many are better, its score |
    static let standing = RedisScript(
        "board.standing", isSafeToRepeat: true,
        """
        \(checkWindow)
        local total = redis.call('ZCARD', KEYS[1])
        local score = redis.call('ZSCORE', KEYS[1], ARGV[4])
        if not score then return {1, now, total} end
        \(countBetter)
        local position = redis.call(ARGV[3] == 'high' and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[4])
        return {1, now, total, position, better(score), score}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3] … | members, up to 1,000 |
    /// | returns | 1, time, each one's score, null for those who are not there |
    static let scores = RedisScript(
        "board.scores", isSafeToRepeat: true,
        """
        \(checkWindow)
        local answer = redis.call('ZMSCORE', KEYS[1], unpack(ARGV, 3))
        table.insert(answer, 1, now)
        table.insert(answer, 1, 1)
        return answer
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the board |
    /// | ARGV[1], ARGV[2] | the window |
    /// | ARGV[3], ARGV[4] | the least and the greatest score |
    /// | returns | 1, time, how many have one between |
    static let count = RedisScript(
        "board.count", isSafeToRepeat: true,
        """
        \(checkWindow)
        return {1, now, redis.call('ZCOUNT', KEYS[1], ARGV[3], ARGV[4])}
        """)
}

// MARK: - Parts

extension LeaderboardScripts {
    private static let checkWindow = """
        local now = '0'
        if ARGV[1] ~= '' then
            local time = redis.call('TIME')
            local micros = tonumber(time[1]) * 1000000 + tonumber(time[2])
            now = string.format('%.0f', micros)
            if micros < tonumber(ARGV[1]) or micros >= tonumber(ARGV[2]) then return {0, now} end
        end
        """

    /// Cuts off the worst and sees to the board's end, after a change.
    private static let settle = """
        local keep = tonumber(ARGV[5])
        if keep > 0 and ARGV[6] == 'high' then redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -keep - 1) end
        if keep > 0 and ARGV[6] == 'low' then redis.call('ZREMRANGEBYRANK', KEYS[1], keep, -1) end
        if ARGV[3] ~= '' and redis.call('PTTL', KEYS[1]) == -1 then redis.call(ARGV[3], KEYS[1], ARGV[4]) end
        """

    private static let countBetter = """
        local function better(score)
            if ARGV[3] == 'high' then return redis.call('ZCOUNT', KEYS[1], '(' .. score, '+inf') end
            return redis.call('ZCOUNT', KEYS[1], '-inf', '(' .. score)
        end
        """

    private static let readPage = """
        \(countBetter)
        local total = redis.call('ZCARD', KEYS[1])
        local first, last
        if ARGV[4] == 'around' then
            local position = redis.call(ARGV[3] == 'high' and 'ZREVRANK' or 'ZRANK', KEYS[1], ARGV[7])
            if not position then return {1, now, total, 0, 0, {}} end
            first, last = position - tonumber(ARGV[5]), position + tonumber(ARGV[6])
        elseif ARGV[4] == 'top' then
            first = tonumber(ARGV[5])
            last = first + tonumber(ARGV[6]) - 1
        else
            last = total - 1 - tonumber(ARGV[5])
            first = last - tonumber(ARGV[6]) + 1
        end
        first = math.max(first, 0)
        if last < first then return {1, now, total, 0, 0, {}} end
        local list = redis.call(
            ARGV[3] == 'high' and 'ZREVRANGE' or 'ZRANGE', KEYS[1], string.format('%.0f', first),
            string.format('%.0f', last), 'WITHSCORES')
        return {1, now, total, first, list[2] and better(list[2]) or 0, list}
        """
}
