import Coordination
import Foundation
import RedisCore

extension LimitFigures {
    /// Limit 100 a minute, asked by whoever wants the most: a burst when nothing was used, one right before a window's
    /// end and one at it, then without a pause; and by chance at 1.2 times the limit.
    static func worst(_ environment: Environment) throws -> [(String, Double?)]? {
        let algorithms: [(String, RateLimit.Algorithm)] = [
            ("log", .slidingWindowLog), ("buckets", .slidingWindowBuckets()),
            ("gcra_burst_100", .tokenBucket(burst: 100)), ("gcra_burst_10", .tokenBucket(burst: 10)),
            ("fixed", .fixedWindow),
        ]
        return try algorithms.flatMap { name, algorithm in
            let rule = try RateLimit(100, per: .seconds(60), algorithm: algorithm)
            let limiter = try RateLimiter(environment.redis, rule, onFailure: .closed)
            let simulation = try LimitSimulation(
                command: LimitCommands.source(of: limiter, from: environment), port: environment.port)
            return [
                (name, Double(try simulation.most(Self.attack))),
                (name + "_by_chance", Double(try simulation.most(Self.chance))),
            ]
        }
    }

    private static let minute = 60_000_000

    /// When to ask, and for how many calls, in µs.
    private static var attack: [(Int, Int)] {
        var calls = [(0, 1), (minute - 1, 100), (minute, 100)]
        for step in 1...1_800 { calls.append((minute + step * 100_000, 2)) }
        // After a rest of an hour: a burst, then whatever comes back.
        for step in 0...1_800 { calls.append((63 * minute + step * 100_000, step == 0 ? 100 : 2)) }
        return calls
    }

    private static var chance: [(Int, Int)] {
        var random = SeededRandom(state: 15)
        var time = 0.0
        return (0..<4_000).map { _ in
            time += -log(1 - random.next()) * Double(minute) / 120
            return (Int(time), 1)
        }
    }
}

/// A limiter's own script on the server, with the time in the caller's hand.
struct LimitSimulation {
    private static let start = 1_763_700_000_000_000
    private let command: [[UInt8]]
    private let port: Int

    /// `command` is an EVAL as the limiter sends it: EVAL source 1 key number cost rule….
    init(command: [[UInt8]], port: Int) throws {
        let source = String(decoding: command[1], as: UTF8.self)
        let virtual = source.replacingOccurrences(of: "redis.call('TIME')", with: "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
        guard virtual != source else { throw BenchmarkError("the script reads its time in another way") }
        self.command = [command[0], Array(virtual.utf8)] + command[2...]
        self.port = port
    }

    /// The most that was admitted in any trailing minute.
    func most(_ calls: [(time: Int, count: Int)]) throws -> Int {
        let session = try RawSession(port: port)
        try session.command([Array("DEL".utf8), command[3]])
        var admitted: [Int] = []
        for (number, call) in calls.enumerated() {
            for unit in 0..<call.count {
                let now = Self.start + call.time
                var arguments = command
                arguments[4] = Array("\(number * 128 + unit + 1)".utf8)
                arguments += [Array("\(now / 1_000_000)".utf8), Array("\(now % 1_000_000)".utf8)]
                guard case .array(let reply) = try session.command(arguments), let decision = reply.first?.integer
                else {
                    throw BenchmarkError("the script answered something else")
                }
                guard decision > 0 else { break }
                admitted.append(now)
            }
        }
        try session.command([Array("DEL".utf8), command[3]])
        var most = 0
        var first = 0
        for (last, time) in admitted.enumerated() {
            while admitted[first] <= time - 60_000_000 { first += 1 }
            most = max(most, last - first + 1)
        }
        return most
    }
}

/// The same calls in every run.
private struct SeededRandom {
    var state: UInt64

    /// Evenly in 0..<1.
    mutating func next() -> Double {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return Double((z ^ (z >> 31)) >> 11) / Double(1 << 53)
    }
}
