import RedisCore
import TestSupport
import Testing

@testable import Cache

extension CacheOptions {
    /// Two hours and a half idle, up to ten hours and a quarter: no sum of whole hours and these is another.
    static let slides = CacheOptions(
        timeout: .seconds(60), sliding: SlidingExpiry(idle: .minutes(150), upTo: .minutes(615)))
}

extension Duration {
    static func minutes(_ count: Int) -> Duration { .seconds(60 * count) }
}

extension RedisServer {
    /// Lets time pass for entries: what they say of their age and their ends in Redis move back; those that end in it
    /// are gone.
    ///
    /// So caches and scripts as they are live through hours, on the server's own clock.
    func age(_ keys: [String], minutes: Int) throws {
        let script = """
            for _, key in ipairs(KEYS) do
                local head = redis.call('GETRANGE', key, 0, 13)
                local left = redis.call('PTTL', key)
                if left >= 0 and left <= tonumber(ARGV[1]) then
                    redis.call('DEL', key)
                elseif left ~= -2 then
                    if #head == 14 and head:byte(1) == 251 then
                        local written = struct.unpack('>I8', head, 7) - tonumber(ARGV[1]) * 1000
                        redis.call('SETRANGE', key, 6, struct.pack('>I8', written))
                    end
                    if left >= 0 then redis.call('PEXPIRE', key, string.format('%.0f', left - ARGV[1])) end
                end
            end
            return 1
            """
        let reply = try call(["EVAL", script, "\(keys.count)"] + keys + ["\(minutes * 60_000)"])
        #expect(reply == 1)
    }

    /// How long a key lives, in minutes, of which five are one; nil when it is gone, -1 for no end.
    ///
    /// Rounded up, so that the time which the test itself takes is none.
    func minutes(_ key: String) throws -> Int? {
        let left = try self("PTTL", key).int ?? -2
        return left < 0 ? (left == -1 ? -1 : nil) : (left + 290_000) / 300_000 * 5
    }
}
