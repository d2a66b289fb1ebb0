import Foundation
import TestSupport
import Testing

/// T1: several processes fight for one lock of each kind; holders are stopped beyond the time to live, or killed; the
/// history must be one of that kind of lock.
@Suite struct LockTortureTests {
    private static let ttl = Duration.milliseconds(400)

    @Test(arguments: TortureMode.allCases)
    func `stopped and killed holders never break mutual exclusion or fencing`(mode: TortureMode) async throws {
        let history = try await fight(mode, rounds: 8) { $0 % 4 == 3 ? .kill : .stop }
        #expect(history.count { $0.kind == .lost } >= 1, "no stopped holder noticed its loss")
        #expect(
            mode == .readWrite || history.contains { $0.accepted == false }, "no stopped holder's write was refused")
    }

    @Test(arguments: TortureMode.allCases)
    func `a storm of kills leaves a lock that works`(mode: TortureMode) async throws {
        _ = try await fight(mode, rounds: 8) { _ in .kill }
    }

    private enum Blow { case stop, kill }

    /// Lets four processes fight while one holder after the other is struck, and checks what they wrote.
    private func fight(
        _ mode: TortureMode, rounds: Int, _ blow: (Int) -> Blow
    ) async throws -> [HistoryEvent] {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            var fighters = try (0..<4).map { try Fighter(server, number: $0, ttl: Self.ttl, mode: mode) }
            defer { for fighter in fighters { fighter.end() } }
            try await eventually("everybody had the lock") {
                try fighters.allSatisfy { try $0.hasWritten() }
            }
            for round in 0..<rounds {
                let victim = try await stopHolder(among: fighters)
                let blow = blow(round)
                if blow == .kill {
                    victim.end()
                    fighters.append(try Fighter(server, number: fighters.count, ttl: Self.ttl, mode: mode))
                }
                // Another one's write is taken: the victim's time to live is over.
                let before = try Set(writes(of: fighters.filter { $0 !== victim }).map(\.lease))
                try await eventually("somebody else took over") {
                    try writes(of: fighters.filter { $0 !== victim }).contains { !before.contains($0.lease) }
                }
                if blow == .stop { victim.resume() }
            }
            for fighter in fighters { fighter.end() }
            let history = try fighters.flatMap { try $0.events() }
            #expect(HistoryChecker.violations(in: history, of: mode.model) == [])
            #expect(history.count { $0.kind == .acquired } >= 10)
            try await eventually("the last holder's key is gone") { try server("EXISTS", mode.key) == 0 }
            return history
        }
    }

    /// User code on every thread of the pool, and renewal goes on: it runs on the loop's thread.
    @Test func `bodies that burn every core do not lose their leases`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let process = Process()
            process.executableURL = try builtProgram("lock-torture")
            process.arguments = ["burn", server.url, "3000"]
            try process.run()
            try await eventually("the burner has ended", within: .seconds(60)) { !process.isRunning }
            #expect(process.terminationStatus == 0)
        }
    }

    /// Stops the process that has the lock, as far as the histories tell.
    private func stopHolder(among fighters: [Fighter]) async throws -> Fighter {
        var found: Fighter?
        try await eventually("somebody holds the lock and is stopped") {
            let last = try fighters.filter { ProcessResources.isAlive($0.pid) }
                .max { try ($0.events().last?.at ?? 0) < ($1.events().last?.at ?? 0) }
            guard let last, try holds(last) else { return false }
            last.stop()
            found = last
            // It may have released between the look and the stop.
            if try holds(last) { return true }
            last.resume()
            return false
        }
        return try #require(found)
    }

    private func holds(_ fighter: Fighter) throws -> Bool {
        let last = try fighter.events().last?.kind
        return last == .acquired || last == .trusted
    }

    private func writes(of fighters: [Fighter]) throws -> [HistoryEvent] {
        try fighters.flatMap { try $0.events() }.filter { $0.kind == .write && $0.accepted == true }
    }
}

extension Fighter {
    fileprivate func hasWritten() throws -> Bool { try events().contains { $0.kind == .write } }
}
