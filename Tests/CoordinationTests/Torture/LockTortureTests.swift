import Foundation
import TestSupport
import Testing

/// T1: several processes fight for one lock; holders are stopped beyond the time to live, or killed; the history must
/// be that of a lock with fencing.
@Suite struct LockTortureTests {
    private static let ttl = Duration.milliseconds(400)

    @Test func `stopped and killed holders never break mutual exclusion or fencing`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            var fighters = try (0..<4).map { try Fighter(server, number: $0, ttl: Self.ttl) }
            defer { for fighter in fighters { fighter.end() } }
            try await eventually("everybody had the lock") { try fighters.allSatisfy { try $0.hasWritten() } }
            for round in 0..<8 {
                let victim = try await holder(among: fighters)
                victim.stop()
                // Another one's write is taken: the stopped one's time to live is over.
                let before = try Set(writes(of: fighters.filter { $0 !== victim }).map(\.lease))
                try await eventually("somebody else took over") {
                    try writes(of: fighters.filter { $0 !== victim }).contains { !before.contains($0.lease) }
                }
                if round % 4 == 3 {
                    victim.end()
                    fighters.append(try Fighter(server, number: fighters.count, ttl: Self.ttl))
                } else {
                    victim.resume()
                }
            }
            for fighter in fighters { fighter.end() }
            let history = try fighters.flatMap { try $0.events() }
            #expect(HistoryChecker.violations(in: history) == [])
            let count = { (kind: HistoryEvent.Kind) in history.count { $0.kind == kind } }
            #expect(count(.acquired) >= 10)
            #expect(count(.lost) >= 1, "no stopped holder noticed its loss")
            #expect(history.contains { $0.accepted == false }, "no stopped holder's write was refused")
            try await eventually("the last holder's key is gone") {
                try server("EXISTS", "signalbox:lock:{fight}") == 0
            }
        }
    }

    /// User code on every thread of the pool, and renewal goes on: it runs on the loop's thread.
    @Test func `bodies that burn every core do not lose their leases`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let process = Process()
            process.executableURL = try Fighter.executable()
            process.arguments = ["burn", server.url, "3000"]
            try process.run()
            try await eventually("the burner has ended", within: .seconds(60)) { !process.isRunning }
            #expect(process.terminationStatus == 0)
        }
    }

    /// The process that had the lock last, as far as the histories tell.
    private func holder(among fighters: [Fighter]) async throws -> Fighter {
        var found: Fighter?
        try await eventually("somebody holds the lock") {
            let last = try fighters.map { fighter in (fighter, try fighter.events().last) }
                .filter { ProcessResources.isAlive($0.0.pid) }
                .max { ($0.1?.at ?? 0) < ($1.1?.at ?? 0) }
            found = last?.0
            return last?.1?.kind == .acquired || last?.1?.kind == .trusted
        }
        return try #require(found)
    }

    private func writes(of fighters: [Fighter]) throws -> [HistoryEvent] {
        try fighters.flatMap { try $0.events() }.filter { $0.kind == .write && $0.accepted == true }
    }
}

extension Fighter {
    fileprivate func hasWritten() throws -> Bool { try events().contains { $0.kind == .write } }
}
