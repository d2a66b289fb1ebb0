import RedisCore

/// The decisions of a debounced task, beside those of ``OnceScripts``, which keep and end its runs.
///
/// The newest call is a hash {token, payload, order, due, first, quiet}: whoever has its token is to run it at `due`
/// (server µs). When it is taken, it moves into the task's record, so that a successor finds the payload of a run whose
/// owner died.
enum DebounceScripts {
    /// How long a due call waits for its own caller before another may take it, ms.
    static let grace: Int64 = 5_000
    /// How long a call is kept that nobody takes, ms.
    static let slack: Int64 = 600_000

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the newest call |
    /// | KEYS[2] | the task's record |
    /// | ARGV[1] | the caller's token |
    /// | ARGV[2] | payload |
    /// | ARGV[3] | quiet time, ms |
    /// | ARGV[4] | longest time from the first call, ms; 0 for none |
    /// | ARGV[5] | how long a call is kept that nobody takes, ms |
    /// | ARGV[6] | the call's place among all, a whole number; empty for the order of arrival |
    /// | returns | {ms until it is due, server time in µs}; {−1, …} when this call, or a later one, has been run or is being run |
    ///
    /// The same token again changes nothing: a repeated request does not make an older call the newest. A call with a
    /// smaller place than the pending one's only restarts the quiet time.
    static let put = RedisScript(
        "debounce.put", isSafeToRepeat: true,
        """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local r = redis.call('HMGET', KEYS[1], 'token', 'first', 'due', 'order')
        if r[1] == ARGV[1] then return {math.max(0, math.ceil((tonumber(r[3]) - now) / 1000)), now} end
        local order = tonumber(ARGV[6])
        if order then
            local run = tonumber(redis.call('HGET', KEYS[2], 'order') or '')
            if run and run >= order then return {-1, now} end
        end
        local first = math.min(tonumber(r[2] or now), now)
        local due = now + tonumber(ARGV[3]) * 1000
        local most = tonumber(ARGV[4]) * 1000
        if most > 0 and first + most < due then due = first + most end
        if due < now then due = now end
        redis.call('HSET', KEYS[1], 'quiet', ARGV[3],
            'first', string.format('%.0f', first), 'due', string.format('%.0f', due))
        local known = tonumber(r[4] or '')
        if not (order and known and known > order) then
            redis.call('HSET', KEYS[1], 'token', ARGV[1], 'payload', ARGV[2], 'order', ARGV[6])
        end
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[3]) + tonumber(ARGV[5])))
        return {math.ceil((due - now) / 1000), now}
        """)

    /// | | |
    /// |---|---|
    /// | KEYS[1] | the task's record |
    /// | KEYS[2] | the newest call |
    /// | ARGV[1] | the lease's token |
    /// | ARGV[2] | lease, ms |
    /// | ARGV[3] | how long the record outlives the lease, ms |
    /// | ARGV[4] | owner |
    /// | ARGV[5] | the caller's token |
    /// | ARGV[6] | how long a due call waits for its own caller, ms |
    /// | ARGV[7] | when the caller's call was put, server time in µs |
    /// | returns | {1, fence, taken over 0/1, payload} to be run; {0, ms until to ask again} it is this caller's to run; {2, ms until to ask again} another's; {3} run by another |
    ///
    /// A due time that is farther away than the quiet time dates from before the server's clock went back, and is cut;
    /// so is a lease.
    static let take = RedisScript(
        "debounce.take", isSafeToRepeat: true,
        """
        local r = redis.call('HMGET', KEYS[1], 'state', 'token', 'fence', 'until', 'lease', 'taken', 'payload',
            'attempts', 'began')
        if r[1] == 'running' and r[2] == ARGV[1] then return {1, tonumber(r[3]), tonumber(r[6]), r[7]} end
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local busy = 0
        if r[1] == 'running' then busy = math.min(tonumber(r[4]) - now, tonumber(r[5]) * 1000) end
        local p = redis.call('HMGET', KEYS[2], 'token', 'payload', 'due', 'quiet', 'order')
        local mine = p[1] == ARGV[5]
        -- A run that began after the call was put, and is over, stands for it, whatever has come since.
        if not mine and r[1] == 'freed' and tonumber(r[9] or 0) >= tonumber(ARGV[7]) then return {3} end
        local payload
        local taken = 0
        if p[1] then
            local wait = math.min(tonumber(p[3]) - now, tonumber(p[4]) * 1000)
            if not mine then wait = wait + tonumber(ARGV[6]) * 1000 end
            if busy > wait then wait = busy end
            if wait > 0 then return {mine and 0 or 2, math.ceil(wait / 1000)} end
            payload = p[2]
        elseif r[1] == 'running' then
            if busy > 0 then return {2, math.ceil(busy / 1000)} end
            payload = r[7]
        end
        if not payload then return {3} end
        if r[1] == 'running' then taken = 1 end
        local fence = now
        local last = tonumber(r[3] or 0)
        if last >= fence then fence = last + 1 end
        redis.call('HSET', KEYS[1], 'state', 'running', 'token', ARGV[1], 'owner', ARGV[4], 'payload', payload,
            'fence', string.format('%.0f', fence), 'until', string.format('%.0f', now + tonumber(ARGV[2]) * 1000),
            'began', string.format('%.0f', now), 'lease', ARGV[2], 'taken', taken,
            'attempts', taken == 1 and tonumber(r[8] or 1) + 1 or 1)
        if p[5] then redis.call('HSET', KEYS[1], 'order', p[5]) end
        redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[2]) + tonumber(ARGV[3])))
        redis.call('DEL', KEYS[2])
        return {1, fence, taken, payload}
        """)
}

/// What the taking script says.
enum DebounceAnswer: Sendable, Equatable {
    case take(fence: Int64, takenOver: Bool, payload: [UInt8])
    /// This caller's to run, later.
    case mine(left: Duration)
    /// Another caller's to run.
    case others(left: Duration)
    case over

    init?(_ reply: [RedisValue]) {
        switch (reply.first, reply.count) {
        case (.integer(1), 4):
            guard case .integer(let fence) = reply[1], case .integer(let taken) = reply[2],
                case .bytes(let payload) = reply[3]
            else { return nil }
            self = .take(fence: fence, takenOver: taken == 1, payload: payload)
        case (.integer(let kind), 2):
            guard kind == 0 || kind == 2, case .integer(let left) = reply[1] else { return nil }
            self = kind == 0 ? .mine(left: .milliseconds(left)) : .others(left: .milliseconds(left))
        case (.integer(3), 1): self = .over
        default: return nil
        }
    }
}
