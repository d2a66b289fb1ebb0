import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What every session store has to keep, held against both.
@Suite struct SessionConformanceTests {
    private let short = SessionOptions(
        life: SessionLife(idle: .seconds(600), absolute: .seconds(3_600)), endedFor: .seconds(30 * 86_400))

    @Test(arguments: SessionRig.Kind.allCases)
    func `a session comes back as it was created`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let made = try await rig.store.create(
                userID: "7", data: Cart(items: ["é", "\0"], visits: 3), tenantID: "acme", metadata: ["device": "phone"])
            let found = try #require(try await rig.store.get(made.id))
            #expect(found == made)
            #expect(found.userID == "7" && found.tenantID == "acme" && found.metadata == ["device": "phone"])
            #expect(found.data == Cart(items: ["é", "\0"], visits: 3) && found.version == 1)
            #expect(abs(found.expiresAt.timeIntervalSince(found.createdAt) - 86_400) < 0.001)
            #expect(abs(found.endsAt.timeIntervalSince(found.createdAt) - 7 * 86_400) < 0.001)
            let plain = try await rig.store.create(userID: "7", data: Cart())
            #expect(try await rig.store.get(plain.id)?.tenantID == nil)
            #expect(try await rig.store.get(plain.id)?.metadata == [:])
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `what is no id is unknown`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let made = try await rig.store.create(userID: "7", data: Cart())
            let other = String(made.id.value.dropLast()) + (made.id.value.last == "A" ? "B" : "A")
            for text in ["", "x", other, made.reference.value, String(repeating: "{", count: 38), made.id.value + "x"] {
                let id = SessionID(text)
                #expect(try await rig.store.state(id) == .unknown)
                #expect(try await rig.store.destroy(id) == false)
                await expectError(.notFound) { try await rig.store.refresh(id) }
                await expectError(.notFound) { try await rig.store.update(id) { $0.data.visits = 1 } }
                await expectError(.notFound) { try await rig.store.rotate(id) }
            }
            #expect(try await rig.store.state(made.id) == .active)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a session expires when it is idle, and says so`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            let session = try await rig.store.create(userID: "7", data: Cart())
            try rig.advance(.seconds(599))
            #expect(try await rig.store.state(session.id) == .active)
            try rig.advance(.seconds(1))
            #expect(try await rig.store.state(session.id) == .expired)
            #expect(try await rig.store.get(session.id) == nil)
            await expectError(.expired) { try await rig.store.refresh(session.id) }
            await expectError(.expired) { try await rig.store.update(session.id) { $0.data.visits = 1 } }
            await expectError(.expired) { try await rig.store.rotate(session.id) }
            #expect(try await rig.store.destroy(session.id) == false)
            #expect(try await rig.store.state(session.id) == .expired)
            #expect(try await rig.store.list(userID: "7") == [])
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `refreshing and touching slide the end, up to the longest life`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            let made = try await rig.store.create(userID: "7", data: Cart())
            for round in 1...6 {
                try rig.advance(.seconds(590))
                let session =
                    round.isMultiple(of: 2)
                    ? try await rig.store.refresh(made.id)
                    : try #require(try await rig.store.get(made.id, touching: true))
                #expect(abs(session.lastSeenAt.timeIntervalSince(made.createdAt) - Double(round * 590)) < 0.001)
                let left = session.expiresAt.timeIntervalSince(session.lastSeenAt)
                #expect(abs(left - min(600, Double(3_600 - round * 590))) < 0.001)
                #expect(session.endsAt == made.endsAt && session.createdAt == made.createdAt)
            }
            try rig.advance(.seconds(60))
            #expect(try await rig.store.state(made.id) == .expired)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `reading alone does not keep a session alive`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            let session = try await rig.store.create(userID: "7", data: Cart())
            try rig.advance(.seconds(400))
            #expect(try await rig.store.get(session.id)?.expiresAt == session.expiresAt)
            try rig.advance(.seconds(200))
            #expect(try await rig.store.state(session.id) == .expired)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a session has its own life, whatever the store's is`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            let life = SessionLife(idle: .seconds(86_400), absolute: .seconds(30 * 86_400))
            let session = try await rig.store.create(
                userID: "7", data: Cart(), tenantID: nil, metadata: [:], life: life)
            try rig.advance(.seconds(80_000))
            try await rig.store.refresh(session.id)
            try rig.advance(.seconds(80_000))
            #expect(try await rig.store.state(session.id) == .active)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `an update changes data and metadata and no time`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            let made = try await rig.store.create(userID: "7", data: Cart(), metadata: ["a": "1"])
            try rig.advance(.seconds(100))
            let updated = try await rig.store.update(made.id) {
                $0.data.items.append("book")
                $0.metadata = [:]
            }
            #expect(updated.data.items == ["book"] && updated.metadata == [:] && updated.version == 2)
            #expect(updated.expiresAt == made.expiresAt && updated.lastSeenAt == made.lastSeenAt)
            #expect(try await rig.store.get(made.id) == updated)
            try await rig.store.update(made.id) { $0.metadata["b"] = "2" }
            #expect(try await rig.store.get(made.id)?.metadata == ["b": "2"])
        }
    }

    private struct Refusal: Error {}

    @Test(arguments: SessionRig.Kind.allCases)
    func `an update that throws changes nothing`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let made = try await rig.store.create(userID: "7", data: Cart())
            await #expect(throws: Refusal.self) {
                try await rig.store.update(made.id) {
                    $0.data.visits = 9
                    throw Refusal()
                }
            }
            #expect(try await rig.store.get(made.id) == made)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `rotating gives a new id and ends the old one`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let old = try await rig.store.create(userID: "7", data: Cart(visits: 2), metadata: ["a": "1"])
            let new = try await rig.store.rotate(old.id)
            #expect(new.id != old.id && new.reference != old.reference)
            #expect(new.data == old.data && new.metadata == old.metadata && new.createdAt == old.createdAt)
            #expect(try await rig.store.state(old.id) == .revoked)
            #expect(try await rig.store.get(new.id) == new)
            #expect(try await rig.store.list(userID: "7").map(\.reference) == [new.reference])
            await expectError(.revoked) { try await rig.store.rotate(old.id) }
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a destroyed session is revoked`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let session = try await rig.store.create(userID: "7", data: Cart())
            let other = try await rig.store.create(userID: "7", data: Cart())
            #expect(try await rig.store.destroy(session.id))
            #expect(try await rig.store.destroy(session.id) == false)
            #expect(try await rig.store.state(session.id) == .revoked)
            await expectError(.revoked) { try await rig.store.refresh(session.id) }
            await expectError(.revoked) { try await rig.store.update(session.id) { $0.data.visits = 1 } }
            #expect(try await rig.store.list(userID: "7").map(\.reference) == [other.reference])
            #expect(try await rig.store.destroy(other.reference))
            #expect(try await rig.store.state(other.id) == .revoked)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `all of a user's sessions end, and nobody else's`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            var mine: [Session<Cart>] = []
            for _ in 0..<5 { mine.append(try await rig.store.create(userID: "7", data: Cart())) }
            let other = try await rig.store.create(userID: "77", data: Cart())
            let kept = mine[2]
            #expect(try await rig.store.destroyAll(userID: "7", except: kept.reference) == 4)
            for session in mine {
                #expect(try await rig.store.state(session.id) == (session.id == kept.id ? .active : .revoked))
            }
            #expect(try await rig.store.list(userID: "7") == [kept.info])
            #expect(try await rig.store.destroyAll(userID: "7") == 1)
            #expect(try await rig.store.destroyAll(userID: "7") == 0)
            #expect(try await rig.store.state(kept.id) == .revoked)
            #expect(try await rig.store.state(other.id) == .active)
            let later = try await rig.store.create(userID: "7", data: Cart())
            #expect(try await rig.store.state(later.id) == .active)
            await expectError(.invalidArgument) {
                try await rig.store.destroyAll(userID: "77", except: later.reference)
            }
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a new session pushes the oldest out, and what has expired does not count`(kind: SessionRig.Kind) async throws
    {
        var options = short
        options.maxPerUser = 2
        try await withSessions(kind, options) { rig in
            let first = try await rig.store.create(userID: "7", data: Cart())
            try rig.advance(.seconds(300))
            let second = try await rig.store.create(userID: "7", data: Cart())
            try rig.advance(.seconds(200))
            try await rig.store.refresh(first.id)
            let third = try await rig.store.create(userID: "7", data: Cart())
            #expect(try await rig.store.state(first.id) == .revoked)
            #expect(try await rig.store.state(second.id) == .active)
            #expect(try await rig.store.list(userID: "7").map(\.reference) == [second.reference, third.reference])
            // The second expires; the third is the only one left to count.
            try rig.advance(.seconds(450))
            let fourth = try await rig.store.create(userID: "7", data: Cart())
            #expect(try await rig.store.state(third.id) == .active)
            #expect(try await rig.store.state(fourth.id) == .active)
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a list comes in pages without gaps`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, short) { rig in
            var made: Set<SessionReference> = []
            for _ in 0..<7 {
                made.insert(try await rig.store.create(userID: "7", data: Cart()).reference)
                try rig.advance(.seconds(1))
            }
            // Three that expire in the same microsecond.
            for _ in 0..<3 { made.insert(try await rig.store.create(userID: "7", data: Cart()).reference) }
            var seen: [SessionReference] = []
            var cursor: SessionCursor?
            repeat {
                let page = try await rig.store.list(userID: "7", after: cursor, limit: 2)
                #expect(page.sessions.count <= 4)
                seen += page.sessions.map(\.reference)
                cursor = page.next
            } while cursor != nil
            #expect(Set(seen) == made && seen.count == 10)
            #expect(try await rig.store.list(userID: "8") == [])
            await expectError(.invalidArgument) { try await rig.store.list(userID: "7", after: nil, limit: 0) }
            await expectError(.invalidArgument) { try await rig.store.list(userID: "7", after: nil, limit: 501) }
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `a session that cannot be read stands beside the others in a list`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let good = try await rig.store.create(userID: "7", data: Cart())
            let bad = try await rig.store.create(userID: "7", data: Cart(items: [Cart.unreadable]))
            let page = try await rig.store.list(userID: "7", after: nil, limit: 10)
            #expect(page.sessions == [good.info])
            #expect(page.undecodable == [bad.reference])
            #expect(try await rig.store.list(userID: "7") == [good.info])
        }
    }

    @Test(arguments: SessionRig.Kind.allCases)
    func `names, lives and sizes that cannot be are refused`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind, SessionOptions(maxDataBytes: 100)) { rig in
            for user in ["", String(repeating: "x", count: 1_025)] {
                await expectError(.invalidArgument) { try await rig.store.create(userID: user, data: Cart()) }
                await expectError(.invalidArgument) { try await rig.store.destroyAll(userID: user) }
                await expectError(.invalidArgument) { try await rig.store.list(userID: user) }
            }
            await expectError(.invalidArgument) {
                try await rig.store.create(userID: "7", data: Cart(), tenantID: "")
            }
            await expectError(.invalidArgument) {
                try await rig.store.create(
                    userID: "7", data: Cart(), tenantID: nil, metadata: [:], life: SessionLife(idle: .zero))
            }
            let large = Cart(items: [String(repeating: "x", count: 200)])
            await expectError(.tooLarge) { try await rig.store.create(userID: "7", data: large) }
            let session = try await rig.store.create(userID: "7", data: Cart())
            await expectError(.tooLarge) { try await rig.store.update(session.id) { $0.data = large } }
            #expect(try await rig.store.get(session.id) == session)
        }
        for options in [
            SessionOptions(maxPerUser: 0), SessionOptions(endedFor: .zero), SessionOptions(timeout: .zero),
            SessionOptions(life: SessionLife(absolute: .seconds(-1))), SessionOptions(maxDataBytes: 0),
        ] {
            try await withSessions(kind, options) { rig in
                await expectError(.invalidArgument) { try await rig.store.create(userID: "7", data: Cart()) }
                await expectError(.invalidArgument) { try await rig.store.get(SessionID("x")) }
            }
        }
    }

    /// Far below the usual 100 tries, since those who lose wait.
    @Test(arguments: SessionRig.Kind.allCases)
    func `64 tasks updating one session lose nothing`(kind: SessionRig.Kind) async throws {
        try await withSessions(kind) { rig in
            let store = rig.store
            let id = try await store.create(userID: "7", data: Cart()).id
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<64 {
                    group.addTask {
                        try await store.update(id) {
                            $0.data.visits += 1
                            $0.data.items.append("\(number)")
                        }
                    }
                }
            }
            let session = try #require(try await store.get(id))
            #expect(session.data.visits == 64 && session.version == 65)
            #expect(Set(session.data.items).count == 64)
        }
    }
}
