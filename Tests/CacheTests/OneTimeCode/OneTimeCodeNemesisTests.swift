import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load for one-time codes: whatever happens to the server, a code is accepted once.
@Suite struct OneTimeCodeNemesisTests {
    private struct Issued: Sendable {
        let id: String
        let text: String
    }

    /// Codes that must not be accepted any more.
    private final class Spent: Sendable {
        private let codes = Mutex<[Issued]>([])
        var all: [Issued] { codes.withLock { $0 } }
        var some: Issued? { codes.withLock { $0.randomElement() } }
        func note(_ code: Issued) { codes.withLock { $0.append(code) } }
    }

    @Test(arguments: Nemesis.allCases)
    func `a code is accepted once, and none that was used or revoked`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            let load = NemesisLoad { isRefusal($0) }
            let spent = Spent()
            let accepted = Ledger()
            let clients = [one, other].map { OneTimeCodes($0, options: .init(timeout: .milliseconds(300))) }
            for user in 0..<3 {
                load.add("user \(user)") { step in
                    // By one client each: what that has given up for lost may still arrive, but not out of turn.
                    let codes = clients[user % 2]
                    let id = "\(user)-\(step)"
                    guard let text = try await codes.generate(for: id).code?.text else {
                        return load.note("no code for \(id), which had none")
                    }
                    let code = Issued(id: id, text: text)
                    if step % 4 == 3 {
                        try await codes.revoke(for: id)
                        return spent.note(code)
                    }
                    let wrong = text == "000000" ? "000001" : "000000"
                    if try await codes.verify(wrong, for: id) == .accepted { load.note("a wrong code is accepted") }
                    let times = try await enter(code, clients)
                    if times > 1 { load.note("a code is accepted \(times) times") }
                    if times == 0, !nemesis.losesData { load.note("a code is accepted by nobody") }
                    try await accepted.count("codes", by: times) {}
                    if times == 1 { spent.note(code) }
                }
                load.add("thief of \(user)") { step in
                    guard let code = spent.some else { return }
                    if try await clients[step % 2].verify(code.text, for: code.id) == .accepted {
                        load.note("a code that was used or revoked is accepted")
                    }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            #expect(accepted.acknowledged("codes") > 0)
            // By a client whose circuit is closed, and which waits for its answers.
            try await withClient(server.configuration) { fresh in
                let codes = OneTimeCodes(fresh, options: .unhurried)
                for code in spent.all.suffix(200) {
                    let answer = try await codes.verify(code.text, for: code.id)
                    #expect(answer != .accepted)
                }
            }
        }
    }

    /// Three at once enter the right code; how many are told that it was accepted.
    ///
    /// Throws what was thrown if one got no answer: it may be the one that used it up.
    private func enter(_ code: Issued, _ clients: [OneTimeCodes]) async throws -> Int {
        let results = await withTaskGroup(of: Result<Bool, any Error>.self) { group in
            for entrant in 0..<3 {
                group.addTask {
                    do {
                        return .success(try await clients[entrant % 2].verify(code.text, for: code.id) == .accepted)
                    } catch {
                        return .failure(error)
                    }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let accepted = results.filter { (try? $0.get()) == true }.count
        // That is wrong whatever the others were told.
        if accepted > 1 { return accepted }
        for result in results { _ = try result.get() }
        return accepted
    }
}
