import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10 for counters and boards: keys are documented, mortal or meant to stay, scripts use only keys they
/// declare, all in one slot, and nobody calls KEYS.
@Suite struct BoardKeyAuditTests {
    /// As `docs/keys.md` lists them; what depends on the date is cut off.
    private static let documented: Set<String> = [
        "signalbox:counter:{f:a}", "signalbox:counter:{f:a}:req:r", "signalbox:counter:{f:a}:minute",
        "signalbox:counter:{f:a}:minute:req:r", "signalbox:board:{b}", "signalbox:board:{b}:‹date›",
        "signalbox:board:{b}:req:all:ada:r", "signalbox:board:{b}:req:day:ada:r",
        "signalbox:board:{b}:last:2:SUM:10000:‹date›",
    ]
    private static let immortal: Set<String> = ["signalbox:counter:{f:a}", "signalbox:board:{b}"]

    @Test func `every key is documented, and scripts stay in their slot`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let monitor = try server.connect(timeout: .seconds(10))
            _ = try monitor.call(["MONITOR"])
            try await useEverything(redis)
            try server("ECHO", "the end")
            var audit = BoardAudit()
            while let line = try monitor.receive().string, !line.contains("\"the end\"") { audit.read(line) }
            #expect(audit.violations == [])
            #expect(audit.scripts > 20)
            #expect(audit.seen.isDisjoint(with: ["KEYS", "FLUSHALL", "FLUSHDB"]))
            #expect(Set(audit.keys.map(Self.withoutDate)) == Self.documented)
            #expect(Set(try server.keysWithoutTTL()) == Self.immortal)
        }
    }

    private func useEverything(_ redis: RedisClient) async throws {
        let counters = Counters(redis, name: "f")
        let mortal = Counters(redis, name: "f", options: .init(ttl: .after(.seconds(60))))
        try await mortal.increment("a")
        try await counters.increment("a", by: 1.5, requestID: "r")
        _ = try await counters.getAndReset("a", as: Double.self, requestID: "s")
        _ = try await counters.getAndReset("a")
        try await counters.increment("a")
        let minutes = counters.by(.minute, keep: 3)
        try await minutes.add("a")
        try await minutes.add("a", requestID: "r")
        _ = try await minutes.sum("a", last: 3)
        _ = try await counters.all()
        for period in [LeaderboardPeriod.allTime, .daily()] {
            let board = Leaderboard(redis, name: "b", options: .init(period: period, keepBest: 3))
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
        try await Leaderboard(redis, name: "b", options: .init(period: .daily())).clear()
        try await Leaderboard(redis, name: "b", options: .init(period: .daily())).add("ada", score: 1)
    }

    private static func withoutDate(_ key: String) -> String {
        key.replacing(/:2\d\d\d-\d\d-\d\d/, with: ":‹date›").replacing(":req:s", with: ":req:r")
    }
}

/// Reads a MONITOR's lines: which keys each script declares, and which it uses.
private struct BoardAudit {
    private(set) var violations: [String] = []
    private(set) var scripts = 0
    private(set) var seen: Set<String> = []
    private(set) var keys: Set<String> = []
    private var declared: [String] = []

    mutating func read(_ line: String) {
        let words = Self.words(line)
        guard let command = words.first?.uppercased() else { return }
        seen.insert(command)
        if command == "EVALSHA" || command == "EVAL", words.count > 2, let count = Int(words[2]) {
            scripts += 1
            declared = Array(words.dropFirst(3).prefix(count))
            let tags = Set(declared.map(Self.tag))
            if tags.count != 1 || tags.contains("") { violations.append("several slots: \(declared)") }
        } else if line.contains(" lua] "), words.count > 1, command != "TIME" {
            let used =
                command == "ZUNIONSTORE" ? [words[1]] + words.dropFirst(3).prefix(Int(words[2]) ?? 0) : [words[1]]
            for key in used where !declared.contains(key) {
                violations.append("\(command) of \(key), which is not declared")
            }
            keys.insert(words[1])
        } else if ["INCRBY", "INCRBYFLOAT", "SET", "GETDEL", "UNLINK"].contains(command), words.count > 1 {
            keys.insert(words[1])
        }
    }

    private static func tag(_ key: String) -> String {
        guard let open = key.firstIndex(of: "{"), let close = key[open...].firstIndex(of: "}") else { return "" }
        return String(key[open...close])
    }

    private static func words(_ line: String) -> [String] {
        line.split(separator: "\"", omittingEmptySubsequences: false).enumerated().compactMap { index, part in
            index % 2 == 1 ? String(part) : nil
        }
    }
}
