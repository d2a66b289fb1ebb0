import Foundation
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
            try await eventually("everybody had a turn", within: .seconds(30)) {
                try fighters.allSatisfy { try !$0.events().isEmpty }
            }
            for round in 0..<6 {
                let victim = try await holder(among: fighters)
                victim.stop()
                let others = fighters.filter { $0 !== victim }
                let before = try others.reduce(0) { $0 + (try acquisitions($1)) }
                // Twice as many as could be explained by free permits: the stopped one's have come back.
                try await eventually("the others go on", within: .seconds(30)) {
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

    /// A process that holds something at the moment, as far as the histories tell.
    private func holder(among fighters: [PermitFighter]) async throws -> PermitFighter {
        var found: PermitFighter?
        try await eventually("somebody holds", within: .seconds(30)) {
            let alive = try fighters.filter { ProcessResources.isAlive($0.pid) }.map { ($0, try $0.events().last) }
            found =
                alive.filter { $0.1?.kind == .acquired || $0.1?.kind == .trusted }
                .max { ($0.1?.at ?? 0) < ($1.1?.at ?? 0) }?.0
            return found != nil
        }
        return try #require(found)
    }

    private func acquisitions(_ fighter: PermitFighter) throws -> Int {
        try fighter.events().count { $0.kind == .acquired }
    }
}

/// A `permit-torture` process and the history it writes.
final class PermitFighter: Sendable {
    let pid: Int32
    private let process: Process
    private let history: URL

    init(_ server: RedisServer, _ game: String, limit: Int, number: Int, ttl: Duration) throws {
        history = URL(filePath: server.directory).appending(path: "permits-\(number).ndjson")
        process = Process()
        process.executableURL = try Fighter.executable().deletingLastPathComponent().appending(path: "permit-torture")
        process.arguments = [server.url, game, "\(limit)", "\(Int(ttl / .milliseconds(1)))", history.path()]
        process.standardInput = FileHandle.nullDevice
        try process.run()
        pid = process.processIdentifier
    }

    func stop() { kill(pid, SIGSTOP) }
    func resume() { kill(pid, SIGCONT) }

    func end() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// What it has written so far, whole lines only.
    func events() throws -> [PermitEvent] {
        guard let text = try? String(contentsOf: history, encoding: .utf8) else { return [] }
        let whole = text.lastIndex(of: "\n").map { text[..<$0] } ?? ""
        return try whole.split(separator: "\n").map { try JSONDecoder().decode(PermitEvent.self, from: Data($0.utf8)) }
    }
}
