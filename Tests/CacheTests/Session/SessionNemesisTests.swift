import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T2 under load for sessions: what was ended stays ended.
@Suite struct SessionNemesisTests {
    /// Sessions of one user and what is known of them.
    private final class Known: Sendable {
        private let ids = Mutex((active: [String: SessionID](), ended: [SessionID]()))

        var active: [SessionID] { ids.withLock { Array($0.active.values) } }
        var ended: [SessionID] { ids.withLock { $0.ended } }
        var someEnded: SessionID? { ids.withLock { $0.ended.randomElement() } }

        func began(_ id: SessionID) { ids.withLock { $0.active[id.value] = id } }
        /// Whether it is active is not known while it is asked to end.
        func doubted(_ id: SessionID) { ids.withLock { $0.active[id.value] = nil } }
        func ended(_ id: SessionID) { ids.withLock { $0.ended.append(id) } }
    }

    @Test(arguments: Nemesis.allCases)
    func `no session that was ended comes back, and none is lost`(nemesis: Nemesis) async throws {
        try await withNemesis(nemesis) { server, one, other in
            // A session that was lost with the data is none any more.
            let load = NemesisLoad { isRefusal($0) || nemesis.losesData && isRefusal($0, .notFound, .revoked) }
            let options = SessionOptions(timeout: .milliseconds(300))
            let stores = [one, other].map { RedisSessionStore<Cart>($0, options: options) }
            let all = (0..<3).map { _ in Known() }
            for (user, known) in all.enumerated() {
                // By one client each: what that has given up for lost may still arrive, but not out of turn.
                load.add("user \(user)") { try await live(stores[user % 2], "user\(user)", known, $0) }
                load.add("thief of \(user)") { number in
                    guard let id = known.someEnded else { return }
                    if case .active = try await stores[number % 2].lookup(id, touching: number % 4 == 1) {
                        load.note("an ended session of user \(user) is active")
                    }
                }
            }
            try await load.run(nemesis, on: server)
            #expect(load.surprises.isEmpty, "\(load.surprises.prefix(5))")
            // By a client whose circuit is closed, and which waits for its answers.
            try await withClient(server.configuration) { fresh in
                let store = RedisSessionStore<Cart>(fresh, options: .unhurried)
                for (user, known) in all.enumerated() {
                    for id in known.ended { #expect(try await store.state(id) != .active) }
                    let listed = Set(try await store.list(userID: "user\(user)").map(\.reference))
                    #expect(listed.isDisjoint(with: known.ended.compactMap(\.reference)))
                    guard !nemesis.losesData else { continue }
                    for id in known.active { #expect(try await store.state(id) == .active) }
                    #expect(listed.isSuperset(of: known.active.compactMap(\.reference)))
                    #expect(!known.ended.isEmpty)
                }
            }
        }
    }

    /// One step of a user, who does one thing after the other.
    private func live(
        _ store: RedisSessionStore<Cart>, _ user: String, _ known: Known, _ number: Int
    ) async throws {
        let session = try await store.create(userID: user, data: Cart())
        switch number % 5 {
        case 0:
            known.began(session.id)
            try await store.update(session.id) { $0.data.visits += 1 }
            #expect(try await store.refresh(session.id).data.visits == 1)
        case 1:
            try await store.destroy(session.id)
            known.ended(session.id)
        case 2:
            let next = try await store.rotate(session.id)
            known.ended(session.id)
            known.began(next.id)
        case 3 where number % 2 == 1:
            let before = known.active + [session.id]
            for id in before { known.doubted(id) }
            try await store.destroyAll(userID: user)
            for id in before { known.ended(id) }
        default: known.began(session.id)
        }
    }
}
