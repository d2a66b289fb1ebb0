import CWallClock
import Cache
import Foundation
import Logging
import RedisCore
import Synchronization

/// Uses every part of the cache while the wall clock of this process is wrong, and prints what came of it, for a test.
///
/// `clock-skew URL SECONDS…`: the clock is off by the first number at the start, by the next one at each step, and so
/// on in a circle. The first line is how far the clock is from the server's, in hours.
@main
struct ClockSkew {
    let redis: RedisClient
    let other: RedisClient
    let clock: JumpingClock

    static func main() async throws {
        let arguments = CommandLine.arguments
        let skews = arguments.dropFirst(2).compactMap { Int64($0) }
        guard arguments.count > 2, skews.count == arguments.count - 2 else {
            fatalError("usage: clock-skew URL SECONDS…")
        }
        let clock = JumpingClock(skews)
        clock.jump()
        var logger = Logger(label: "clock-skew")
        logger.logLevel = .critical
        let redis = try await RedisClient.connect(arguments[1], logger: logger)
        let other = try await RedisClient.connect(arguments[1], logger: logger)
        let run = ClockSkew(redis: redis, other: other, clock: clock)
        print("off by \(try await run.hours())")
        for (name, act) in acts {
            clock.jump()
            print("\(name): \(try await act(run))")
        }
        await redis.close()
        await other.close()
    }

    /// How far this process' clock is from the server's, rounded.
    func hours() async throws -> Int {
        Int(((Date().timeIntervalSince1970 - (try await serverTime())) / 3_600).rounded())
    }

    /// The server's time, s.
    func serverTime() async throws -> Double {
        let parts = try await redis.command(RedisCommand("TIME"), as: [Double].self)
        return parts[0] + parts[1] / 1e6
    }

    /// True if a time lies so many seconds after the server's now, give or take half a minute.
    func isAbout(_ time: Date, _ seconds: Double) async throws -> Bool {
        abs(time.timeIntervalSince1970 - (try await serverTime()) - seconds) < 30
    }

    /// Asks until it is so; false after 20 s.
    func until(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<2_000 {
            if try await condition() { return true }
            try await redis.eventLoop.sleep(for: .milliseconds(10))
        }
        return false
    }
}

/// The wall clock, which jumps from one error to the next.
final class JumpingClock: Sendable {
    private let skews: [Int64]
    private let steps = Atomic(0)

    init(_ skews: [Int64]) { self.skews = skews }

    func jump() {
        let step = steps.wrappingAdd(1, ordering: .relaxed).oldValue
        wall_clock_be_off_by(skews[step % skews.count])
    }
}
