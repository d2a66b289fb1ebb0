import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct WindowedCountersTests {
    @Test func `counts of the current bucket are summed and shown`() async throws {
        try await withRedis { server, redis in
            let views = Counters(redis, name: "views", options: .unhurried).by(.day, keep: 7)
            #expect(try await views.add("home") == 1)
            #expect(try await views.add("home", by: 4, requestID: "r") == 5)
            #expect(try await views.add("home", by: 4, requestID: "r") == 5)
            #expect(try await views.sum("home", last: 7) == 5)
            let series = try await views.series("home", last: 7)
            #expect(series.map(\.count) == [0, 0, 0, 0, 0, 0, 5])
            #expect(series.allSatisfy { Int($0.start.timeIntervalSince1970) % 86_400 == 0 })
            let steps = zip(series, series.dropFirst()).map { $1.start.timeIntervalSince($0.start) }
            #expect(Set(steps) == [86_400])
            #expect(try await views.series("none", last: 3).map(\.count) == [0, 0, 0])
            #expect(try await views.sum("home", last: 1) == 5)
            #expect(try await views.reset("home"))
            #expect(try await views.sum("home", last: 7) == 0)
        }
    }

    @Test func `the plain counter of the same id and other widths are others`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let counters = Counters(redis, name: "views", options: .unhurried)
            try await counters.increment("a", by: 100)
            for (unit, amount) in zip(CounterUnit.allCases, [1, 2, 3]) {
                try await counters.by(unit, keep: 5).add("a", by: amount)
            }
            for (unit, amount) in zip(CounterUnit.allCases, [1, 2, 3]) {
                #expect(try await counters.by(unit, keep: 5).sum("a", last: 5) == amount)
            }
            #expect(try await counters.get("a") == 100)
        }
    }

    @Test func `what does not fit is refused`() async throws {
        try await withRedis { _, redis in
            let counters = Counters(redis, name: "n", options: .unhurried)
            let hours = counters.by(.day, keep: 3)
            try await hours.add("a", by: .max)
            await expectError(.outOfRange) { try await hours.add("a") }
            #expect(try await hours.sum("a", last: 3) == .max)
            await expectError(.invalidArgument) { try await hours.sum("a", last: 4) }
            await expectError(.invalidArgument) { try await hours.sum("a", last: 0) }
            await expectError(.invalidArgument) { try await counters.by(.day, keep: 0).add("a") }
            await expectError(.invalidArgument) { try await counters.by(.day, keep: 4_097).add("a") }
        }
    }

    /// Random counts at a clock that goes on, stands and is set back, against a dictionary.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func `series are those of a model`(seed: UInt64) async throws {
        try await withRedis { server, _ in
            var random = SplitMix(seed: seed)
            var clock = ScriptClock(server: server)
            let (key, keep, width) = (RedisKey("signalbox:counter:{m:a}:minute"), 10, Int64(60_000_000))
            var model: [Int64: Int] = [:]
            for _ in 0..<400 {
                clock.now +=
                    [0, 1_000_000, 40_000_000, 90_000_000, 700_000_000, -30_000_000].randomElement(using: &random) ?? 0
                let bucket = clock.now / width
                let amount = Int.random(in: -5...50, using: &random)
                // A bucket that is out of reach may be cut off: once it is counted in, the old ones are.
                if model[bucket] == nil { model = model.filter { $0.key > bucket - Int64(keep) } }
                model[bucket, default: 0] += amount
                let count = try clock.call(
                    CountersScripts.addToBucket(isMarked: false), keys: [key], "\(amount)", "\(width)", "\(keep)", "0")
                #expect(count.int == model[bucket])
                let series = try clock.call(CountersScripts.series, keys: [key], "\(keep)", "\(width)").array ?? []
                #expect(series.first?.int == Int(bucket))
                let expected = (0..<keep).map { model[bucket - Int64(keep - 1 - $0)] }
                #expect(series.dropFirst().map(\.int) == expected)
                #expect(try server("HLEN", key.name).int == model.count + 1)
            }
            #expect(try server("PTTL", key.name).int ?? 0 > 10 * 60_000)
        }
    }

    private static let minutes = RedisKey("signalbox:counter:{m:a}:minute")

    private func add(keep: Int, _ clock: inout ScriptClock) throws {
        _ = try clock.call(
            CountersScripts.addToBucket(isMarked: false), keys: [Self.minutes], "1", "60000000", "\(keep)", "0")
    }

    @Test func `of two numbers of buckets to keep the greater holds`() async throws {
        try await withRedis { server, _ in
            var clock = ScriptClock(server: server)
            let key = Self.minutes
            for _ in 0..<8 {
                try add(keep: 2, &clock)
                clock.now += 60_000_000
                try add(keep: 6, &clock)
                clock.now += 60_000_000
            }
            let series = try clock.call(CountersScripts.series, keys: [key], "7", "60000000").array ?? []
            #expect(series.dropFirst().compactMap(\.int).count == 6)
        }
    }

    @Test func `the greater number of buckets to keep holds, also of one who never counts first in a bucket`()
        async throws
    {
        try await withRedis { server, _ in
            var clock = ScriptClock(server: server)
            let key = Self.minutes
            for _ in 0..<8 {
                try add(keep: 2, &clock)
                try add(keep: 6, &clock)
                // Its life follows at once: with two buckets to keep it is at most three minutes.
                #expect(try server("PTTL", key.name).int ?? 0 > 3 * 60_000)
                #expect(try server("HGET", key.name, "keep") == "6")
                clock.now += 60_000_000
            }
            let series = try clock.call(CountersScripts.series, keys: [key], "7", "60000000").array ?? []
            #expect(series.dropFirst().compactMap(\.int) == [2, 2, 2, 2, 2, 2])
        }
    }
}
