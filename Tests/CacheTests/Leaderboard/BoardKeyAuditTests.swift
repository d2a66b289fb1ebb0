import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10 for counters and boards: keys are documented, mortal or meant to stay, scripts use only keys they
/// declare, all in one slot, and nobody calls KEYS.
@Suite struct BoardKeyAuditTests {
    /// As `docs/keys.md` lists them; what depends on the date is cut off.
    private static let documented: Set<String> = [
        "signalbox:counter:{f:a}", "signalbox:counter:{f:a}:req:add:r", "signalbox:counter:{f:a}:req:take:r",
        "signalbox:counter:{f:a}:minute", "signalbox:counter:{f:a}:minute:req:add:r",
        "signalbox:board:{b}", "signalbox:board:{b}:‹date›",
        "signalbox:board:{b}:req:all:ada:r", "signalbox:board:{b}:req:day:ada:r",
        "signalbox:board:{b}:last:2:SUM:10000:‹date›",
    ]
    private static let immortal: Set<String> = ["signalbox:counter:{f:a}", "signalbox:board:{b}"]
    static let scripts = [
        CountersScripts.add(isMarked: false), CountersScripts.take(isMarked: false),
        CountersScripts.addToBucket(isMarked: false), CountersScripts.series,
        LeaderboardScripts.set, LeaderboardScripts.increment(isMarked: false),
        LeaderboardScripts.remove, LeaderboardScripts.page, LeaderboardScripts.union, LeaderboardScripts.standing,
        LeaderboardScripts.scores, LeaderboardScripts.count,
    ]

    @Test func `every key is documented, and scripts stay in their slot`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let audit = try await ScriptAudit.during(server) { try await useEverything(redis) }
            #expect(audit.violations == [])
            let missing = Self.scripts.filter { !audit.shas.contains($0.sha) }.map(\.name)
            #expect(missing == [], "these scripts were not run: the audit says nothing about them")
            #expect(audit.commands.isDisjoint(with: ["KEYS", "FLUSHALL", "FLUSHDB"]))
            #expect(Set(audit.keys.map(Self.withoutDate)) == Self.documented)
            #expect(Set(try server.keysWithoutTTL()) == Self.immortal)
        }
    }

    private func useEverything(_ redis: RedisClient) async throws {
        let counters = Counters(redis, name: "f", options: .unhurried)
        let mortal = Counters(redis, name: "f", options: .init(ttl: .after(.seconds(60)), timeout: .seconds(60)))
        try await mortal.increment("a")
        try await counters.increment("a", by: 1.5, requestID: "r")
        _ = try await counters.getAndReset("a", as: Double.self, requestID: "r")
        _ = try await counters.getAndReset("a")
        try await counters.increment("a")
        let minutes = counters.by(.minute, keep: 3)
        try await minutes.add("a")
        try await minutes.add("a", requestID: "r")
        _ = try await minutes.sum("a", last: 3)
        _ = try await counters.all()
        for period in [LeaderboardPeriod.allTime, .daily()] {
            let board = Leaderboard(
                redis, name: "b", options: .init(period: period, keepBest: 3, timeout: .seconds(60)))
            try await board.add(["ada": 1, "bob": 2])
            try await board.increment("ada")
            try await board.increment("ada", requestID: "r")
            try await board.setIfHigher("ada", score: 3)
            _ = try await board.top(2)
            _ = try await board.bottom(2)
            _ = try await board.around("ada")
            _ = try await board.standing(of: "ada")
            _ = try await board.scores(of: ["ada"])
            _ = try await board.count()
            try await board.remove("bob")
            if period != .allTime { _ = try await board.topOfLast(2, 5) }
        }
        let daily = Leaderboard(redis, name: "b", options: .init(period: .daily(), timeout: .seconds(60)))
        try await daily.clear()
        try await daily.add("ada", score: 1)
    }

    private static func withoutDate(_ key: String) -> String {
        key.replacing(/:2\d\d\d-\d\d-\d\d/, with: ":‹date›")
    }
}
