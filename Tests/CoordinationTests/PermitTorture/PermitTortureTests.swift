import TestSupport
import Testing

/// T1: several processes compete for permits, or to lead; holders are stopped beyond their lease, or killed; the
/// history must be one of the model.
@Suite struct PermitTortureTests {
    enum Game: String, CaseIterable { case permits, fair, leader }

    private static let ttl = Duration.milliseconds(500)

    @Test(arguments: Game.allCases)
    func `stopped and killed holders never let more in than the limit`(game: Game) async throws {
        let limit = game == .leader ? 1 : 3
        try await withRedisServer(.init(checksLeaks: true)) { server in
            func start(_ number: Int) throws -> PermitFighter {
                try PermitFighter(server, game.rawValue, limit: limit, number: number, ttl: Self.ttl)
            }
            var fighters = try (0..<4).map(start)
            defer { for fighter in fighters { fighter.end() } }
            try await eventually("everybody had a turn") {
                try fighters.allSatisfy { try !$0.events().isEmpty }
            }
            // The places that a stopped process has in a fair queue lapse only after 15 s.
            for round in 0..<(game == .fair ? 3 : 6) {
                let victim = try await stopHolder(among: fighters)
                let others = fighters.filter { $0 !== victim }
                let before = try others.reduce(0) { $0 + (try acquisitions($1)) }
                // Twice as many as could be explained by free permits: the stopped one's have come back.
                try await eventually("the others go on", within: .seconds(90)) {
                    try others.reduce(0) { $0 + (try acquisitions($1)) } >= before + (game == .leader ? 1 : 2 * limit)
                }
                if round % 3 == 2 {
                    victim.end()
                    fighters.append(try start(fighters.count))
                } else {
                    victim.resume()
                }
            }
            for fighter in fighters { fighter.end() }
            let history = try fighters.flatMap { try $0.events() }
            #expect(PermitHistory.violations(in: history, limit: limit) == [])
            #expect(history.count { $0.kind == .acquired } >= 10)
            #expect(history.contains { $0.kind == .lost }, "no stopped holder noticed its loss")
            let key = game == .leader ? "signalbox:leader:{fight}" : "signalbox:sem:{fight}"
            try await eventually("what the dead held is gone") { try server("EXISTS", key) == 0 }
        }
    }

    /// Stops a process that holds something, as far as the histories tell.
    private func stopHolder(among fighters: [PermitFighter]) async throws -> PermitFighter {
        var found: PermitFighter?
        try await eventually("somebody holds and is stopped") {
            let alive = fighters.filter { ProcessResources.isAlive($0.pid) }
            let holder = try alive.filter(holds).max { try ($0.events().last?.at ?? 0) < ($1.events().last?.at ?? 0) }
            guard let holder else { return false }
            holder.stop()
            found = holder
            // It may have released between the look and the stop.
            if try holds(holder) { return true }
            holder.resume()
            return false
        }
        return try #require(found)
    }

    private func holds(_ fighter: PermitFighter) throws -> Bool {
        let last = try fighter.events().last?.kind
        return last == .acquired || last == .trusted
    }

    private func acquisitions(_ fighter: PermitFighter) throws -> Int {
        try fighter.events().count { $0.kind == .acquired }
    }
}

/// A `permit-torture` process.
typealias PermitFighter = TortureProcess<PermitEvent>

extension PermitFighter {
    convenience init(_ server: RedisServer, _ game: String, limit: Int, number: Int, ttl: Duration) throws {
        try self.init("permit-torture", server, number: number) { history in
            [game, "\(limit)", "\(Int(ttl / .milliseconds(1)))", history]
        }
    }
}
