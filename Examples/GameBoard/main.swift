// Counters in real time, and a leaderboard: who is best, who stands around me, who was best this week.
//
//     swift run GameBoard
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

func show(_ title: String, _ entries: [LeaderboardEntry<String>]) {
    let list = entries.map { "\($0.rank). \($0.member) \(Int($0.score))" }
    print("\(title): \(list.joined(separator: ", "))")
}

/// A match ends: both players' points are counted once, even if this is called again because a reply was lost.
func end(_ match: String, _ points: [(player: String, points: Double)], _ boards: [Leaderboard<String>]) async throws {
    for board in boards {
        for (player, points) in points { try await board.increment(player, by: points, requestID: match) }
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let run = UUID().uuidString  // So that a second run starts afresh; a real board has a name that stays.
    let ever = Leaderboard(redis, name: "chess:\(run)")
    let daily = Leaderboard(redis, name: "chess:\(run)", options: .init(period: .daily(keep: 30)))

    try await ever.add(["ada": 1_500, "bob": 1_200, "cy": 1_200, "di": 900, "eve": 700])
    for _ in 1...2 { try await end("match-17", [("ada", 20), ("eve", 5)], [ever, daily]) }
    try await end("match-18", [("bob", 10), ("cy", 10)], [ever, daily])

    show("the best", try await ever.top(3))
    show("the last", try await ever.bottom(1))
    show("around di", try await ever.around("di", above: 1, below: 1))
    if let standing = try await ever.standing(of: "cy") {
        print("cy is number \(standing.rank) of \(standing.total), with \(Int(standing.score)) points")
    }
    print("with 1,000 points and more: \(try await ever.count(in: 1_000 ... .infinity))")
    print("a lower score changes nothing: \(try await ever.setIfHigher("ada", score: 3).changed == false)")

    show("today", try await daily.top(3))
    try await daily.earlier().add("di", score: 50)
    show("yesterday", try await daily.earlier().top(3))
    show("the last seven days", try await daily.topOfLast(7, 2))

    let games = Counters(redis, name: "games:\(run)", options: .init(ttl: .after(.seconds(86_400))))
    for opening in ["e4", "d4", "e4", "c4", "e4"] { try await games.increment(opening) }
    let openings = try await games.all().sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    print("openings: \(openings.map { "\($0.key) \($0.value)" }.joined(separator: ", "))")
    print(
        "counted twice, once: \(try await games.increment("e4", requestID: "game-99")), "
            + "\(try await games.increment("e4", requestID: "game-99"))")
    let moves = games.by(.day, keep: 7)
    try await moves.add("moves", by: 40)
    print("moves of the last seven days: \(try await moves.sum("moves", last: 7))")
    print("taken for the statistics: \(try await games.getAndReset("e4", requestID: "night") ?? 0)")

    _ = try await ever.clear()
    _ = try await daily.clear()
}
await server?.stop()
