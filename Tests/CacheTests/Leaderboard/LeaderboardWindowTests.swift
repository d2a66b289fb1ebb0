import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct LeaderboardWindowTests {
    private func micros(_ text: String) throws -> Int64 {
        Int64(try #require(RFC3339.parse(text)).timeIntervalSince1970 * 1_000_000)
    }

    @Test(arguments: [
        ("2026-11-21T23:59:59.999999Z", "2026-11-21", "2026-W47", "2026-11"),
        ("2026-11-22T00:00:00Z", "2026-11-22", "2026-W47", "2026-11"),
        ("2026-11-23T00:00:00Z", "2026-11-23", "2026-W48", "2026-11"),
        // ISO 8601: the first days of a year may belong to the last week of the one before, and the other way round.
        ("2021-01-03T12:00:00Z", "2021-01-03", "2020-W53", "2021-01"),
        ("2024-12-30T12:00:00Z", "2024-12-30", "2025-W01", "2024-12"),
        ("2024-02-29T12:00:00Z", "2024-02-29", "2024-W09", "2024-02"),
        ("1970-01-01T00:00:00Z", "1970-01-01", "1970-W01", "1970-01"),
    ])
    func `windows are named by their dates`(time: String, day: String, week: String, month: String) throws {
        let now = try micros(time)
        for (period, label) in [(LeaderboardPeriod.daily(), day), (.weekly(), week), (.monthly(), month)] {
            let window = try #require(LeaderboardWindow(at: now, of: period))
            #expect(window.label == label)
            #expect(window.start <= now && now < window.end)
        }
        #expect(LeaderboardWindow(at: now, of: .allTime) == nil)
    }

    @Test func `windows follow each other without a gap, over forty years`() throws {
        for period in [LeaderboardPeriod.daily(), .weekly(), .monthly()] {
            var window = try #require(LeaderboardWindow(at: 0, of: period))
            var labels: Set<String> = []
            while window.end < 40 * 365 * 86_400_000_000 {
                #expect(labels.insert(window.label).inserted)
                let next = try #require(LeaderboardWindow(at: window.end, of: period))
                #expect(next.start == window.end && next.index == window.index + 1)
                #expect(LeaderboardWindow(at: next.start, earlier: 1, of: period) == window)
                #expect(LeaderboardWindow(at: next.end - 1, of: period) == next)
                window = next
            }
        }
    }

    @Test func `a clock beyond all reason does no harm`() {
        for time in [Int64.min, -1, .max] {
            #expect(LeaderboardWindow(at: time, earlier: 400, of: .monthly(keep: 400)) != nil)
        }
    }

    @Test func `each window is a board of its own that ends when it is out of reach`() async throws {
        try await withRedis { server, redis in
            for period in [LeaderboardPeriod.daily(keep: 2), .weekly(keep: 2), .monthly(keep: 2)] {
                let board = Leaderboard(redis, name: "games", options: .init(period: period, timeout: .seconds(60)))
                try await board.add("ada", score: 3)
                try await board.earlier().add("ada", score: 4)
                try await board.earlier().add("bob", score: 6)
                try await board.earlier(by: 2).add("cy", score: 5)
                #expect(try await board.top(5).map(\.member) == ["ada"])
                #expect(try await board.earlier().top(5).map(\.member) == ["bob", "ada"])
                #expect(try await board.earlier().earlier().top(5).map(\.member) == ["cy"])
                await expectError(.invalidArgument) { try await board.earlier(by: 3).top(5) }
                await expectError(.invalidArgument) { try await board.earlier(by: -1).top(5) }

                #expect(try await board.topOfLast(2, 5).map(\.member) == ["ada", "bob"])
                #expect(try await board.topOfLast(3, 5).map(\.score) == [7, 6, 5])
                #expect(try await board.topOfLast(3, 1, offset: 2).map(\.rank) == [3])
                #expect(try await board.topOfLast(3, 5, aggregate: .highest).map(\.score) == [6, 5, 4])
                #expect(try await board.topOfLast(3, 9, aggregate: .lowest).map(\.score) == [6, 5, 3])
                #expect(try await board.earlier().topOfLast(2, 5).map(\.score) == [6, 5, 4])
                await expectError(.invalidArgument) { try await board.topOfLast(4, 1) }
                await expectError(.invalidArgument) { try await board.topOfLast(0, 1) }
                await expectError(.invalidArgument) { try await board.topOfLast(1, 1, maxAge: .zero) }
            }
            let now = try await serverTime(redis)
            for earlier in 0...2 {
                let period = LeaderboardPeriod.monthly(keep: 2)
                let window = try #require(LeaderboardWindow(at: now, earlier: earlier, of: period))
                let end = try #require(LeaderboardWindow(at: now, of: period).map { $0.index + 3 - earlier })
                let expected = try #require(LeaderboardWindow(index: end, of: period)).start / 1_000
                #expect(try server("PEXPIRETIME", "signalbox:board:{games}:\(window.label)").int == Int(expected))
            }
        }
    }

    private func serverTime(_ redis: RedisClient) async throws -> Int64 {
        let parts = try await redis.command(RedisCommand("TIME"), as: [Int64].self)
        return parts[0] * 1_000_000 + parts[1]
    }

    @Test func `a sum of windows is read again until it is too old`() async throws {
        try await withRedis { server, redis in
            let board = Leaderboard(
                redis, name: "games", options: .init(period: .daily(keep: 7), timeout: .seconds(60)))
            try await board.add("ada", score: 3)
            // Longer than the test may be held up.
            let age = Duration.seconds(600)
            #expect(try await board.topOfLast(7, 1, maxAge: age).first?.score == 3)
            try await board.increment("ada")
            #expect(try await board.topOfLast(7, 1, maxAge: age).first?.score == 3)
            #expect(try await board.topOfLast(7, 1, maxAge: .seconds(599)).first?.score == 4)
            let sums = try server.call(["KEYS", "signalbox:board:{games}:last:7:SUM:*"]).strings
            #expect(sums.count == 2)
            for key in sums { #expect(try (1...600_000).contains(server("PTTL", key).int ?? 0)) }
            try server.call(["UNLINK"] + sums)
            #expect(try await board.topOfLast(7, 1, maxAge: age).first?.score == 4)
            // Ten seconds, unless another age is given.
            #expect(try await board.topOfLast(7, 1).first?.score == 4)
            let usual = try server.call(["KEYS", "signalbox:board:{games}:last:7:SUM:10000:*"]).strings
            for key in usual { #expect(try server("PTTL", key).int ?? 0 <= 10_000) }
        }
    }

    @Test(arguments: [-400, -1, 1, 400] as [Int64])
    func `✗ 003 client clock: a wrong idea of the date costs a round trip and nothing else`(days: Int64) async throws {
        try await withRedis { server, redis in
            let board = Leaderboard(
                redis, name: "games", options: .init(period: .daily(keep: 7), timeout: .seconds(60)))
            let engine = CacheEngine.of(redis)
            let day = try #require(LeaderboardWindow(at: try await serverTime(redis), of: .daily())).index
            for round in 1...3 {
                let wrong = try await serverTime(redis) + days * 86_400_000_000
                let now = CacheEngine.localTime
                engine.note(serverTime: wrong, sentAt: now)
                try await board.increment("ada", requestID: "r\(round)")
            }
            #expect(try await board.score(of: "ada") == 3)
            let keys = Set(try server.call(["KEYS", "signalbox:board:{games}:2*"]).strings)
            let after = try #require(LeaderboardWindow(at: try await serverTime(redis), of: .daily())).index
            let allowed = (day...after).compactMap { LeaderboardWindow(index: $0, of: .daily()) }
            #expect(keys.isSubset(of: allowed.map { "signalbox:board:{games}:\($0.label)" }))
        }
    }

    @Test func `a script that meets another window touches nothing`() async throws {
        try await withRedis { server, _ in
            let clock = ScriptClock(server: server)
            let now = clock.now
            for (start, end) in [(now + 1, now + 2), (now - 2, now), (now - 2, now - 1)] {
                let answer = try clock.call(
                    LeaderboardScripts.set, keys: ["b"], "\(start)", "\(end)", "", "", "0", "high", "", "1", "ada")
                #expect(answer == .array([0, .bulk(Array("\(now)".utf8))]))
            }
            #expect(try server("EXISTS", "b") == 0)
            let answer = try clock.call(
                LeaderboardScripts.set, keys: ["b"], "\(now)", "\(now + 1)", "PEXPIRE", "9999", "0", "high", "", "1",
                "ada")
            #expect(answer == .array([1, .bulk(Array("\(now)".utf8)), 1, "1"]))
        }
    }
}
