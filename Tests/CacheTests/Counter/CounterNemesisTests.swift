import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 under load for counters and boards.
@Suite struct CounterNemesisTests {
    @Test(arguments: Nemesis.allCases)
    func `counts are never above what was sent, and lose nothing that was acknowledged`(nemesis: Nemesis) async throws {
        let immortal = immortalByDesign.immortalKeyPrefixes
        try await withNemesis(nemesis, immortalKeyPrefixes: immortal) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let ledger = Ledger()
            var requests: [Requests] = []
            let counters = [one, other].map { Counters($0, name: "c", options: .init(timeout: .milliseconds(300))) }
            let boards = [one, other].map { Leaderboard($0, name: "b", options: .init(timeout: .milliseconds(300))) }
            let days = counters.map { $0.by(.day, keep: 10) }
            for (number, counter) in counters.enumerated() {
                load.add("count") { _ in try await ledger.count("n") { try await counter.increment("n") } }
                load.add("add") { _ in try await ledger.count("day") { try await days[number].add("n") } }
                load.add("score") { _ in try await ledger.count("ada") { try await boards[number].increment("ada") } }
                let request = Requests("client\(number)")
                requests.append(request)
                load.add("request") { _ in try await request.next { try await counter.increment("r", requestID: $0) } }
            }
            let takes = Requests("take")
            load.add("fill") { _ in try await ledger.count("f", by: 2) { try await counters[0].increment("f", by: 2) } }
            @Sendable func take(_ from: Counters) async throws {
                try await takes.next { id in
                    let taken = try await from.getAndReset("f", requestID: id) ?? 0
                    try await ledger.count("taken", by: taken) {}
                }
            }
            load.add("take") { _ in try await take(counters[1]) }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            try await untilAnswered(one, other)
            let unhurried = Counters(one, name: "c", options: .unhurried)
            // The last one may have had no answer: it is answered again.
            try await take(unhurried)
            let board = Leaderboard(other, name: "b", options: .unhurried)
            try await check(nemesis, ledger, unhurried, unhurried.by(.day, keep: 10), board)
            // What is asked again under its id is counted once: nothing is unknown.
            for request in requests { try await request.next { try await unhurried.increment("r", requestID: $0) } }
            let distinct = requests.reduce(0) { $0 + $1.count }
            let counted = try await unhurried.get("r") ?? 0
            // But for evicted ids, whose counts stay: what is asked again under one of those counts again.
            let isRight = nemesis == .evicting || (nemesis.losesData ? counted <= distinct : counted == distinct)
            #expect(isRight, "\(counted) of \(distinct)")
        }
    }

    private func check(
        _ nemesis: Nemesis, _ ledger: Ledger, _ counters: Counters, _ days: WindowedCounters,
        _ board: Leaderboard<String>
    ) async throws {
        let plain = try await counters.get("n") ?? 0
        #expect(ledger.range("n", nemesis).contains(plain), "\(plain) \(ledger.range("n", nemesis))")
        // Midnight may pass meanwhile.
        let added = try await days.sum("n", last: 3)
        #expect(ledger.range("day", nemesis).contains(added), "\(added) \(ledger.range("day", nemesis))")
        let score = Int(try await board.score(of: "ada") ?? 0)
        #expect(ledger.range("ada", nemesis).contains(score), "\(score) \(ledger.range("ada", nemesis))")
        let taken = try await ledger.acknowledged("taken") + (counters.get("f") ?? 0)
        #expect(ledger.range("f", nemesis).contains(taken), "\(taken) \(ledger.range("f", nemesis))")
    }
}
