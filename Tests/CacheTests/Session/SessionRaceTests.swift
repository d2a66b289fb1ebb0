import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct SessionRaceTests {
    private let patient = SessionOptions(timeout: .seconds(20))

    @Test func `of sessions created while all are ended each is listed or over, and earlier ones are over`()
        async throws
    {
        try await withRedis { server, redis in
            try await withClient(server.tcpConfiguration) { other in
                let (mine, theirs) = (
                    RedisSessionStore<Cart>(redis, options: patient), RedisSessionStore<Cart>(other, options: patient)
                )
                for _ in 0..<20 {
                    let before = try await mine.create(userID: "7", data: Cart())
                    let made = try await withThrowingTaskGroup(of: Session<Cart>?.self) { group in
                        for _ in 0..<8 { group.addTask { try await theirs.create(userID: "7", data: Cart()) } }
                        group.addTask {
                            try await mine.destroyAll(userID: "7")
                            return nil
                        }
                        return try await group.reduce(into: [Session<Cart>]()) {
                            if let session = $1 { $0.append(session) }
                        }
                    }
                    #expect(try await mine.state(before.id) == .revoked)
                    let listed = Set(try await mine.list(userID: "7").map(\.reference))
                    for session in made {
                        let state = try await mine.state(session.id)
                        #expect(state == (listed.contains(session.reference) ? .active : .revoked))
                    }
                    let after = try await theirs.create(userID: "7", data: Cart())
                    #expect(try await mine.state(after.id) == .active)
                }
            }
        }
    }

    @Test func `rotating while others refresh and update leaves one session and loses no update`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.tcpConfiguration) { other in
                let (mine, theirs) = (
                    RedisSessionStore<Cart>(redis, options: patient), RedisSessionStore<Cart>(other, options: patient)
                )
                for _ in 0..<20 {
                    let old = try await mine.create(userID: "7", data: Cart())
                    async let rotated = mine.rotate(old.id)
                    let updates = await withTaskGroup(of: Bool.self) { group in
                        for number in 0..<12 {
                            group.addTask {
                                if number.isMultiple(of: 2) {
                                    return (try? await theirs.update(old.id) { $0.data.visits += 1 }) != nil
                                }
                                _ = try? await theirs.refresh(old.id)
                                return false
                            }
                        }
                        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
                    }
                    let new = try await rotated
                    #expect(try await mine.state(old.id) == .revoked)
                    #expect(try await mine.get(new.id)?.data.visits == updates)
                    #expect(try await mine.list(userID: "7").map(\.reference) == [new.reference])
                    #expect(try await mine.destroyAll(userID: "7") == 1)
                }
            }
        }
    }

    @Test func `of several who rotate one id one gets the new one`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: patient)
            let old = try await store.create(userID: "7", data: Cart())
            let new = await withTaskGroup(of: SessionID?.self) { group in
                for _ in 0..<16 { group.addTask { try? await store.rotate(old.id).id } }
                return await group.reduce(into: [SessionID]()) { if let id = $1 { $0.append(id) } }
            }
            #expect(new.count == 1)
            #expect(try await store.list(userID: "7").count == 1)
        }
    }

    @Test func `nothing brings back a session that was ended at the same time`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: patient)
            for round in 0..<30 {
                let session = try await store.create(userID: "7", data: Cart())
                let rotated = try await withThrowingTaskGroup(of: SessionID?.self) { group in
                    for _ in 0..<4 {
                        group.addTask {
                            _ = try? await store.refresh(session.id)
                            return nil
                        }
                        group.addTask {
                            _ = try? await store.update(session.id) { $0.data.visits += 1 }
                            return nil
                        }
                    }
                    group.addTask { round.isMultiple(of: 3) ? try? await store.rotate(session.id).id : nil }
                    group.addTask {
                        if round.isMultiple(of: 2) {
                            try await store.destroyAll(userID: "7")
                        } else {
                            try await store.destroy(session.id)
                        }
                        return nil
                    }
                    return try await group.reduce(into: [SessionID]()) { if let id = $1 { $0.append(id) } }
                }
                #expect(try await store.state(session.id) == .revoked)
                // One that got its new id after the old one was ended cannot be: the old one was gone.
                let left = try await store.list(userID: "7").count
                #expect(left <= rotated.count)
                try await store.destroyAll(userID: "7")
                #expect(try server("EXISTS", "signalbox:session:{\(session.reference.tag)}") == 0)
            }
        }
    }

    @Test func `a limit per user holds while many log in`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(maxPerUser: 5, timeout: .seconds(20)))
            let made = try await withThrowingTaskGroup(of: Session<Cart>.self) { group in
                for _ in 0..<40 { group.addTask { try await store.create(userID: "7", data: Cart()) } }
                return try await group.reduce(into: [Session<Cart>]()) { $0.append($1) }
            }
            let newest = made.sorted { $0.createdAt < $1.createdAt }.suffix(5)
            #expect(try await store.list(userID: "7").map(\.reference) == newest.map(\.reference))
            for session in made where !newest.contains(where: { $0.id == session.id }) {
                #expect(try await store.state(session.id) == .revoked)
            }
        }
    }
}
