import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Random operations on a board and on a dictionary; every answer must be the same.
@Suite struct LeaderboardModelTests {
    struct Setting: Sendable, CustomTestStringConvertible {
        let seed: UInt64
        let order: LeaderboardOptions.Order
        let ranking: LeaderboardOptions.Ranking
        let keep: Int?

        var testDescription: String { "seed \(seed), \(order), \(ranking), keeps \(keep.map(String.init) ?? "all")" }

        static let all = [
            Setting(seed: 1, order: .highestFirst, ranking: .standard, keep: nil),
            Setting(seed: 2, order: .lowestFirst, ranking: .standard, keep: nil),
            Setting(seed: 3, order: .highestFirst, ranking: .ordinal, keep: 6),
            Setting(seed: 4, order: .lowestFirst, ranking: .ordinal, keep: 6),
            Setting(seed: 5, order: .highestFirst, ranking: .standard, keep: 4),
            Setting(seed: 6, order: .lowestFirst, ranking: .standard, keep: 1),
        ]
    }

    /// What the documentation says, in Swift.
    struct Model {
        var scores: [String: Double] = [:]
        let setting: Setting

        /// From the best on; equals by their bytes, backwards where high scores are the best.
        var listed: [(member: String, score: Double)] {
            let forwards = scores.map { (member: $0.key, score: $0.value) }.sorted {
                $0.score != $1.score ? $0.score < $1.score : $0.member.utf8.lexicographicallyPrecedes($1.member.utf8)
            }
            return setting.order == .highestFirst ? forwards.reversed() : forwards
        }

        var entries: [LeaderboardEntry<String>] {
            let listed = listed
            return listed.enumerated().map { index, one in
                let equals = listed.firstIndex { $0.score == one.score } ?? index
                let rank = setting.ranking == .ordinal ? index + 1 : equals + 1
                return LeaderboardEntry(member: one.member, score: one.score, rank: rank)
            }
        }

        mutating func set(_ member: String, _ score: Double) -> LeaderboardUpdate {
            let changed = scores[member] != score
            scores[member] = score
            return settled(member, changed)
        }

        mutating func settled(_ member: String, _ changed: Bool) -> LeaderboardUpdate {
            if let keep = setting.keep { for one in listed.dropFirst(keep) { scores[one.member] = nil } }
            return LeaderboardUpdate(score: scores[member], changed: changed)
        }
    }

    @Test(arguments: Setting.all)
    func `a board answers as its model`(setting: Setting) async throws {
        try await withRedis(immortalByDesign) { _, redis in
            var random = SplitMix(seed: setting.seed)
            let board = Leaderboard(
                redis, name: "model",
                options: .init(
                    order: setting.order, ranking: setting.ranking, keepBest: setting.keep, timeout: .seconds(60)))
            var model = Model(setting: setting)
            let members = ["a", "b", "c", "d", "é", "aa", "B", "日本", "z", "y"]
            for step in 0..<600 {
                let member = members.randomElement(using: &random) ?? "a"
                // Few scores, so that many are equal.
                let score = Double(Int.random(in: -3...3, using: &random)) / 2
                switch Int.random(in: 0..<12, using: &random) {
                case 0, 1: #expect(try await board.add(member, score: score) == model.set(member, score))
                case 2, 3:
                    let sum = (model.scores[member] ?? 0) + score
                    let changed = model.scores[member] != sum
                    let request = Bool.random(using: &random) ? "\(step)" : nil
                    model.scores[member] = sum
                    let expected = model.settled(member, changed)
                    #expect(try await board.increment(member, by: score, requestID: request) == expected)
                    if let request {
                        #expect(try await board.increment(member, by: score, requestID: request) == expected)
                    }
                case 4:
                    let higher = model.scores[member].map { max($0, score) } ?? score
                    #expect(try await board.setIfHigher(member, score: score) == model.set(member, higher))
                case 5:
                    let lower = model.scores[member].map { min($0, score) } ?? score
                    #expect(try await board.setIfLower(member, score: score) == model.set(member, lower))
                case 6:
                    let there = model.scores.removeValue(forKey: member) != nil
                    #expect(try await board.remove(member) == (there ? 1 : 0))
                default: try await read(board, model, member, &random)
                }
            }
            #expect(try await board.top(100) == model.entries)
        }
    }

    private func read(
        _ board: Leaderboard<String>, _ model: Model, _ member: String, _ random: inout SplitMix
    ) async throws {
        let entries = model.entries
        let count = Int.random(in: 1...5, using: &random)
        let offset = Int.random(in: 0...8, using: &random)
        switch Int.random(in: 0..<6, using: &random) {
        case 0: #expect(try await board.top(count, offset: offset) == Array(entries.dropFirst(offset).prefix(count)))
        case 1:
            let expected = entries.reversed().dropFirst(offset).prefix(count)
            #expect(try await board.bottom(count, offset: offset) == Array(expected))
        case 2:
            let index = entries.firstIndex { $0.member == member }
            let standing = try await board.standing(of: member)
            #expect(standing?.rank == index.map { entries[$0].rank })
            #expect(standing?.score == model.scores[member])
            #expect(standing == nil || standing?.total == entries.count)
        case 3:
            let around = try await board.around(member, above: count, below: offset)
            let expected = entries.firstIndex { $0.member == member }.map { index in
                Array(entries[max(0, index - count)...min(entries.count - 1, index + offset)])
            }
            #expect(around == expected ?? [])
        case 4:
            let low = Double(Int.random(in: -4...4, using: &random)) / 2
            let range = low...low + Double(count) / 2
            #expect(try await board.count(in: range) == entries.count { range.contains($0.score) })
        default:
            #expect(try await board.scores(of: [member, "nobody"]) == [model.scores[member], nil])
        }
    }
}
