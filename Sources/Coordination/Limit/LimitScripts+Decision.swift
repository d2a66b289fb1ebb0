/// The Lua of ``LimitScripts``, in pieces.
///
/// Each algorithm opens a record and returns what the decision needs: {units free, time until some come back, time
/// until so many are free, take so many, units that this call took before}. Nothing is written while a record is
/// opened, but for the clamp after the clock went back.
extension LimitScripts {
    static let opening = """
        local time = redis.call('TIME')
        local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
        local request, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
        local id, units, dry = math.abs(request), math.abs(cost), request == 0
        local open = {}
        local function life(microseconds) return math.ceil(microseconds / 1000) + 1 end

        """

    static let decision = """
        local rules, decisive, admitted, wait = {}, 1, nil, 0
        for i, key in ipairs(KEYS) do
            local a = 4 * i - 1
            rules[i] = open[ARGV[a]](key, tonumber(ARGV[a + 1]), tonumber(ARGV[a + 2]), tonumber(ARGV[a + 3]))
            if request < 0 then admitted = admitted or rules[i][5]() end
        end
        if not admitted then
            admitted = units
            for i, rule in ipairs(rules) do
                if rule[1] < admitted then admitted = cost > 0 and 0 or math.max(rule[1], 0) end
            end
            local needed = cost > 0 and units or 1
            for i, rule in ipairs(rules) do
                if admitted > 0 then
                    if not dry then
                        rule[4](admitted)
                        rule[1] = rule[1] - admitted
                    end
                elseif rule[1] < needed then
                    local time = rule[3](needed)
                    if time > wait then wait, decisive = time, i end
                end
            end
        end
        local reply = {admitted > 0 and admitted or -wait, decisive}
        for i, rule in ipairs(rules) do
            if admitted > 0 and rule[1] < rules[decisive][1] then reply[2], decisive = i, i end
            reply[2 * i + 1], reply[2 * i + 2] = math.max(rule[1], 0), rule[2]()
        end
        return reply

        """
}
