import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct LeaderboardTests {
    private func entries<M>(_ list: [LeaderboardEntry<M>]) -> [String] {
        list.map { "\($0.rank) \($0.member) \(Int($0.score))" }
    }

    @Test func `the best are listed with their places, in one round trip`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let board = Leaderboard(redis, name: "chess", options: .unhurried)
            try await board.add(["ada": 30, "bob": 10, "cy": 20, "di": 20])
            #expect(entries(try await board.top(10)) == ["1 ada 30", "2 di 20", "2 cy 20", "4 bob 10"])
            #expect(entries(try await board.top(2, offset: 2)) == ["2 cy 20", "4 bob 10"])
            #expect(entries(try await board.bottom(2)) == ["4 bob 10", "2 cy 20"])
            #expect(entries(try await board.bottom(2, offset: 2)) == ["2 di 20", "1 ada 30"])
            #expect(try await board.top(5, offset: 4) == [])
            #expect(try await board.bottom(5, offset: 4) == [])
            let before = try server.calls(of: "evalsha")
            #expect(try await board.standing(of: "cy") == LeaderboardStanding(rank: 2, score: 20, total: 4))
            #expect(entries(try await board.around("cy", above: 1, below: 1)) == ["2 di 20", "2 cy 20", "4 bob 10"])
            #expect(try await board.scores(of: ["bob", "nobody", "ada"]) == [10, nil, 30])
            #expect(try await board.count(in: 15...30) == 3)
            #expect(try server.calls(of: "evalsha") + server.calls(of: "eval") <= before + 4 + 8)
            #expect(try await board.count() == 4)
            #expect(try await board.rank(of: "nobody") == nil)
            #expect(try await board.score(of: "nobody") == nil)
            #expect(try await board.around("nobody") == [])
            #expect(try server("TYPE", board.redisKey().name) == .status("zset"))
        }
    }

    @Test func `every call is one round trip`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let board = Leaderboard(redis, name: "chess", options: .unhurried)
            func use() async throws {
                try await board.add("ada", score: 1)
                try await board.increment("ada", requestID: UUID().uuidString)
                try await board.increment("ada")
                _ = try await board.top(3)
                _ = try await board.around("ada")
                _ = try await board.standing(of: "ada")
                _ = try await board.scores(of: ["ada"])
                _ = try await board.count()
                try await board.remove("ada")
            }
            try await use()  // Scripts are loaded.
            let before = try server.calls(of: "evalsha")
            try await use()
            #expect(try server.calls(of: "evalsha") == before + 9)
        }
    }

    @Test func `ordinal places differ for equals, low scores can be the best`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let times = Leaderboard(
                redis, name: "lap", options: .init(order: .lowestFirst, ranking: .ordinal, timeout: .seconds(60)))
            try await times.add(["ada": 61, "bob": 59, "cy": 61, "di": 70])
            #expect(entries(try await times.top(3)) == ["1 bob 59", "2 ada 61", "3 cy 61"])
            #expect(entries(try await times.bottom(1)) == ["4 di 70"])
            #expect(try await times.standing(of: "cy")?.rank == 3)
            let shared = Leaderboard(redis, name: "lap", options: .init(order: .lowestFirst, timeout: .seconds(60)))
            #expect(try await shared.standing(of: "cy")?.rank == 2)
            #expect(entries(try await shared.around("di", above: 2)) == ["2 ada 61", "2 cy 61", "4 di 70"])
        }
    }

    @Test func `scores rise or fall only where asked, and increments add`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "b", options: .unhurried)
            let first = try await board.setIfHigher("ada", score: 10)
            #expect(first == LeaderboardUpdate(score: 10, changed: true))
            #expect(try await board.setIfHigher("ada", score: 9) == LeaderboardUpdate(score: 10, changed: false))
            #expect(try await board.setIfLower("ada", score: 11) == LeaderboardUpdate(score: 10, changed: false))
            #expect(try await board.setIfLower("ada", score: -2) == LeaderboardUpdate(score: -2, changed: true))
            #expect(try await board.increment("ada", by: 2.25) == LeaderboardUpdate(score: 0.25, changed: true))
            #expect(try await board.increment("bob") == LeaderboardUpdate(score: 1, changed: true))
            #expect(try await board.increment("ada", by: 0) == LeaderboardUpdate(score: 0.25, changed: false))
            #expect(try await board.add("ada", score: 0.25) == LeaderboardUpdate(score: 0.25, changed: false))
            #expect(try await board.remove("ada", "ada", "nobody") == 1)
            #expect(try await board.clear() == 1)
            #expect(try await board.clear() == 0)
        }
    }

    @Test func `a list of members is taken off at once, and an empty one takes nobody`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "b", options: .unhurried)
            try await board.add(["ada": 3, "bob": 2, "cy": 1])
            let nobody: [String] = []
            #expect(try await board.remove(nobody) == 0)
            #expect(try await board.remove() == 0)
            #expect(try await board.count() == 3)
            let gone = ["ada", "cy", "nobody"]
            #expect(try await board.remove(gone) == 2)
            #expect(entries(try await board.top(5)) == ["1 bob 2"])
            let many = (0...1_000).map { "\($0)" }
            await expectError(.invalidArgument) { try await board.remove(many) }
            let broken = Leaderboard(redis, name: "b", options: .init(timeout: .zero))
            await expectError(.invalidArgument) { try await broken.remove(nobody) }
        }
    }

    @Test func `one request's id counts once for each member`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "b", options: .unhurried)
            for _ in 0..<2 {
                let update = try await board.increment("ada", by: 3, requestID: "match:17")
                #expect(update == LeaderboardUpdate(score: 3, changed: true))
                #expect(try await board.increment("bob", by: 1, requestID: "match:17").score == 1)
            }
            let daily = Leaderboard(redis, name: "b", options: .init(period: .daily(), timeout: .seconds(60)))
            #expect(try await daily.increment("ada", by: 3, requestID: "match:17").score == 3)
            #expect(try await board.top(5).map(\.score) == [3, 1])
        }
    }

    @Test func `only finite scores, exact up to 2 to the 53rd`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "b", options: .unhurried)
            for wrong in [Double.nan, .infinity, -.infinity] {
                await expectError(.invalidArgument) { try await board.add("ada", score: wrong) }
                await expectError(.invalidArgument) { try await board.increment("ada", by: wrong) }
                await expectError(.invalidArgument) { try await board.setIfHigher("ada", score: wrong) }
            }
            try await board.add("ada", score: .greatestFiniteMagnitude)
            await expectError(.outOfRange) { try await board.increment("ada", by: .greatestFiniteMagnitude) }
            #expect(try await board.score(of: "ada") == .greatestFiniteMagnitude)
            let exact = Double(1 << 53)
            try await board.add([
                "most": exact, "next": exact - 1, "tiny": Double.leastNonzeroMagnitude, "third": 1.0 / 3,
            ])
            #expect(
                try await board.scores(of: ["most", "next", "tiny", "third"]) == [
                    exact, exact - 1, Double.leastNonzeroMagnitude, 1.0 / 3,
                ])
            #expect(try await board.rank(of: "next") == 3)
        }
    }

    @Test func `members are any text, and bytes that differ are two members`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "{x}:*", options: .unhurried)
            let members = ["a:b", "*", "{x}", "日本", "é", "e\u{301}", " ", "\0", "\n\"quoted\"", "%2A"]
            for (index, member) in members.enumerated() {
                try await board.increment(member, by: Double(index), requestID: member)
            }
            #expect(try await board.count() == members.count)
            #expect(try await board.scores(of: members) == members.indices.map(Double.init))
            let listed = try await board.top(20).map { Array($0.member.utf8) }
            #expect(listed == members.reversed().map { Array($0.utf8) })
            await expectError(.invalidArgument) { try await board.add("", score: 1) }
            await expectError(.invalidArgument) { try await board.add(String(repeating: "x", count: 1_025), score: 1) }
            await expectError(.invalidArgument) { try await Leaderboard(redis, name: "").top(1) }
        }
    }

    @Test func `members may be of a type of one's own`() async throws {
        struct Player: Codable, Hashable, Sendable {
            var team: String
            var number: Int
        }
        try await withRedis(immortalByDesign) { server, redis in
            let board = Leaderboard(redis, name: "typed", members: Player.self, options: .unhurried)
            try await board.add([Player(team: "b", number: 7): 2, Player(team: "a", number: 1): 1])
            #expect(try await board.top(1).first?.member == Player(team: "b", number: 7))
            let numbers = Leaderboard(redis, name: "numbers", members: Int.self, options: .unhurried)
            try await numbers.add(-42, score: 1)
            #expect(try server("ZSCORE", "signalbox:board:{numbers}", "-42") == "1")
            let ids = Leaderboard(redis, name: "ids", members: UUID.self, options: .unhurried)
            let id = UUID()
            try await ids.add(id, score: 1)
            #expect(try server("ZSCORE", "signalbox:board:{ids}", id.uuidString) == "1")
            #expect(try await ids.top(1).map(\.member) == [id])
            try server("ZADD", "signalbox:board:{numbers}", "9", "seven")
            await expectError(.undecodable) { try await numbers.top(2) }
        }
    }

    @Test func `only the best are kept, and the caller is told who is not`() async throws {
        try await withRedis(immortalByDesign) { _, redis in
            let board = Leaderboard(redis, name: "b", options: .init(keepBest: 3, timeout: .seconds(60)))
            try await board.add(["a": 1, "b": 2, "c": 3, "d": 4])
            #expect(entries(try await board.top(9)) == ["1 d 4", "2 c 3", "3 b 2"])
            #expect(try await board.add("e", score: 1) == LeaderboardUpdate(score: nil, changed: true))
            #expect(try await board.increment("f", by: 1.5, requestID: "r").score == nil)
            #expect(
                try await board.increment("f", by: 1.5, requestID: "r") == LeaderboardUpdate(score: nil, changed: true))
            #expect(try await board.add("g", score: 9).score == 9)
            #expect(try await board.count() == 3)
            let low = Leaderboard(
                redis, name: "low", options: .init(order: .lowestFirst, keepBest: 2, timeout: .seconds(60)))
            try await low.add(["a": 3, "b": 1, "c": 2])
            #expect(entries(try await low.top(9)) == ["1 b 1", "2 c 2"])
        }
    }

    @Test func `a board lives for ever unless a time to live is given`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            try await Leaderboard(redis, name: "ever", options: .unhurried).add("ada", score: 1)
            #expect(try server("PTTL", "signalbox:board:{ever}") == -1)
            let event = Leaderboard(
                redis, name: "event", options: .init(ttl: .after(.seconds(600)), timeout: .seconds(60)))
            try await event.add("ada", score: 1)
            try server("PEXPIRE", "signalbox:board:{event}", "300000")
            try await event.increment("ada")
            #expect(try (1...300_000).contains(server("PTTL", "signalbox:board:{event}").int ?? 0))
        }
    }

    @Test func `options and numbers that cannot work are told`() async throws {
        try await withRedis { server, redis in
            let bad: [LeaderboardOptions] = [
                .init(keepBest: 0), .init(keepBest: 10_000_001), .init(period: .daily(keep: 0)),
                .init(period: .weekly(keep: 401)), .init(period: .daily(), ttl: .after(.seconds(1))),
                .init(ttl: .after(.zero)), .init(timeout: .zero), .init(requestMemory: .zero),
            ]
            for options in bad {
                let board = Leaderboard(redis, name: "b", options: options)
                await expectError(.invalidArgument) { try await board.top(1) }
                await expectError(.invalidArgument) { try await board.add("a", score: 1) }
            }
            let board = Leaderboard(redis, name: "b", options: .unhurried)
            await expectError(.invalidArgument) { try await board.top(0) }
            await expectError(.invalidArgument) { try await board.top(10_001) }
            await expectError(.invalidArgument) { try await board.bottom(1, offset: -1) }
            await expectError(.invalidArgument) { try await board.around("a", above: -1) }
            await expectError(.invalidArgument) { try await board.around("a", below: 5_001) }
            await expectError(.invalidArgument) { try await board.scores(of: Array(repeating: "a", count: 1_001)) }
            await expectError(.invalidArgument) { try await board.earlier().top(1) }
            await expectError(.invalidArgument) { try await board.topOfLast(2, 1) }
            try server("SET", board.redisKey().name, "x", "PX", "60000")
            await expectError(.wrongType) { try await board.add("a", score: 1) }
        }
    }
}
