import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// The limiter's own scripts on a real server, with the time in the test's hand instead of the server's.
///
/// Keys still live by the server's clock, which goes on while the test is held up: they get ``spare`` more.
struct VirtualServer {
    /// How much longer than the scripts say keys live, ms.
    static let spare = 600_000

    let server: RedisServer
    /// Microseconds.
    var now: Int64 = 1_763_700_000_000_000

    init(_ server: RedisServer) { self.server = server }

    /// The script's answer for some rules, each on a key of its own.
    func call(
        _ rules: [(key: String, rule: RateLimit)], id: Int64 = 1, cost: Int = 1, atMost: Bool = false
    ) throws -> [Int64] {
        let script =
            rules.count == 1 ? LimitScripts.script(for: rules[0].rule.algorithm) : LimitScripts.several
        let timed = script.source.replacing("redis.call('TIME')", with: "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
        #expect(timed != script.source)
        let source = timed.replacing(
            "math.ceil(microseconds / 1000) + 1 end", with: "math.ceil(microseconds / 1000) + \(Self.spare + 1) end")
        #expect(source != timed)
        let reply = try server.call(
            ["EVAL", source, "\(rules.count)"] + rules.map(\.key) + ["\(id)", "\(atMost ? -cost : cost)"]
                + rules.flatMap(\.rule.arguments) + ["\(now / 1_000_000)", "\(now % 1_000_000)"])
        guard let values = reply.array else { throw Failure(description: "\(reply)") }
        return values.map { Int64($0.int ?? .min) }
    }

    func call(_ rule: RateLimit, id: Int64 = 1, cost: Int = 1, atMost: Bool = false) throws -> [Int64] {
        try call([("limit:{k}:\(rule.spec)", rule)], id: id, cost: cost, atMost: atMost)
    }

    struct Failure: Error, CustomStringConvertible { let description: String }
}

extension RateLimit {
    /// The model of the rule.
    var model: any LimitModel {
        let window = windowMilliseconds * 1_000
        return switch algorithm {
        case .automatic, .slidingWindowLog: LogModel(limit: limit, window: window)
        case .slidingWindowBuckets(let count): BucketsModel(limit: limit, window: window, count: count)
        case .tokenBucket(let burst): TokensModel(leak: rate.leak, weight: rate.weight, burst: burst)
        case .fixedWindow: FixedModel(limit: limit, window: window)
        }
    }

    /// The most that any window may admit.
    var worstCase: Int {
        switch algorithm {
        case .automatic, .slidingWindowLog, .slidingWindowBuckets: limit
        case .tokenBucket(let burst): limit + burst
        case .fixedWindow: 2 * limit
        }
    }
}
