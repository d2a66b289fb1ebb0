import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: one test for each flaw that the requirement documents have in their sessions.
@Suite struct SessionSeedTests {
    @Test func `seed 000: refresh brings back a session that was deleted in between`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            try await store.destroy(session.id)
            await expectError(.revoked) { try await store.refresh(session.id) }
            #expect(try await store.get(session.id) == nil)
            #expect(try await store.list(userID: "7").isEmpty)
        }
    }

    @Test func `seed 000: refresh reverts edits made at the same time`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .seconds(20)))
            let session = try await store.create(userID: "7", data: Cart())
            try await withThrowingDiscardingTaskGroup { group in
                for _ in 0..<20 {
                    group.addTask { try await store.update(session.id) { $0.data.visits += 1 } }
                    group.addTask { try await store.refresh(session.id) }
                }
            }
            #expect(try await store.get(session.id)?.data.visits == 20)
        }
    }

    @Test func `seed 000: deleteUserSessions reads everybody's sessions`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            for number in 0..<50 { _ = try await store.create(userID: "other \(number)", data: Cart()) }
            _ = try await store.create(userID: "7", data: Cart())
            try server("CONFIG", "RESETSTAT")
            #expect(try await store.destroyAll(userID: "7") == 1)
            for command in ["keys", "scan", "get", "hmget", "hgetall"] { #expect(try server.calls(of: command) == 0) }
            #expect(try server.calls(of: "evalsha") + server.calls(of: "zpopmax") <= 4)
        }
    }

    @Test func `seed 000: glob characters in a user's id match other users' sessions`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            for user in ["*", "?", "[0-9]", "7*", "{7}", "7:"] {
                #expect(try await store.destroyAll(userID: user) == 0)
                #expect(try await store.list(userID: user).isEmpty)
            }
            #expect(try await store.state(session.id) == .active)
        }
    }

    @Test func `seed 000: one giant deletion blocks the server`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .seconds(20)))
            var sessions: [Session<Cart>] = []
            for _ in 0..<600 { sessions.append(try await store.create(userID: "7", data: Cart())) }
            try server("CONFIG", "RESETSTAT")
            #expect(try await store.destroyAll(userID: "7") == 600)
            // 256 at a time: three times, and the mark of the request with the last.
            #expect(try server.calls(of: "zpopmax") == 3)
            #expect(try server.calls(of: "unlink") == 600)
            for session in sessions { #expect(try await store.state(session.id) == .revoked) }
        }
    }

    @Test func `seed 000: an outage reads as no session`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .milliseconds(200)))
            let session = try await RedisSessionStore<Cart>(redis, options: .unhurried).create(
                userID: "7", data: Cart())
            await server.kill()
            for _ in 0..<7 { await expectError(.unavailable) { try await store.get(session.id) } }
            try await server.start()
        }
    }

    @Test func `seed 001: touching on get shrinks a day to the cache's hour`() async throws {
        try await withRedis { server, redis in
            let long = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let session = try await long.create(userID: "7", data: Cart())
            let minute = SessionOptions(
                life: SessionLife(idle: .seconds(60), absolute: .seconds(60)), timeout: .seconds(60))
            let short = RedisSessionStore<Cart>(redis, prefix: "app", options: minute)
            let touched = try #require(try await short.get(session.id, touching: true))
            #expect(touched.expiresAt.timeIntervalSince(touched.lastSeenAt) > 86_399)
            let key = "app:session:{\(session.reference.tag)}:\(session.reference.name)"
            #expect(try #require(try server("PTTL", key).int) > 86_390_000)
        }
    }

    @Test func `seed 002: an update in MULTI cannot see what it changes`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.tcpConfiguration) { other in
                let stores = [redis, other].map { RedisSessionStore<Cart>($0, options: .init(timeout: .seconds(20))) }
                let id = try await stores[0].create(userID: "7", data: Cart()).id
                try await withThrowingDiscardingTaskGroup { group in
                    for number in 0..<40 {
                        group.addTask { try await stores[number % 2].update(id) { $0.data.visits += 1 } }
                    }
                }
                #expect(try await stores[0].get(id)?.data.visits == 40)
            }
        }
    }

    @Test func `seed 002: an update of a missing session stores nothing, and keeps the time to live of others`()
        async throws
    {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let id = SessionID.make(tag: SessionID.tag(user: "7", prefix: "app"))
            await expectError(.notFound) { try await store.update(id) { $0.data.visits = 1 } }
            #expect(try server("DBSIZE") == 0)
            let session = try await store.create(
                userID: "7", data: Cart(), tenantID: nil, metadata: [:], life: SessionLife(idle: .seconds(100)))
            let key = "app:session:{\(session.reference.tag)}:\(session.reference.name)"
            try server("PEXPIRE", key, "50000")
            try await store.update(session.id) { $0.data.visits = 1 }
            #expect(try #require(try server("PTTL", key).int) <= 50_000)
        }
    }

    @Test func `seed 002: a user's sessions cannot be found`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let one = try await store.create(userID: "7", data: Cart(), metadata: ["device": "phone"])
            _ = try await store.create(userID: "8", data: Cart())
            #expect(try await store.list(userID: "7") == [one.info])
        }
    }

    @Test func `seed 002: an eviction policy that takes keys brings back what was ended`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            let copy = try server(
                "COPY", "app:session:{\(session.reference.tag)}:\(session.reference.name)", "kept", "REPLACE")
            #expect(copy == 1)
            try await store.destroyAll(userID: "7")
            // Whatever key goes first: the marks, or a session's own come back from a copy.
            for key in try server("KEYS", "app:*").strings { try server("DEL", key) }
            try server("RENAME", "kept", "app:session:{\(session.reference.tag)}:\(session.reference.name)")
            #expect(try await store.state(session.id) == .revoked)
        }
    }

    @Test func `seed 003: destroyAllForUser misses refreshed sessions`() async throws {
        let options = SessionOptions(life: SessionLife(idle: .seconds(600), absolute: .seconds(86_400)))
        try await withSessions(.redis, options) { rig in
            let session = try await rig.store.create(userID: "7", data: Cart())
            // Far beyond the first time to live, which was the index' in the document.
            for _ in 0..<10 {
                try rig.advance(.seconds(500))
                try await rig.store.refresh(session.id)
            }
            #expect(try await rig.store.destroyAll(userID: "7") == 1)
            #expect(try await rig.store.state(session.id) == .revoked)
        }
        // And by Redis' own clock: the index lives as long as the session.
        try await withRedis { server, redis in
            let short = SessionOptions(
                life: SessionLife(idle: .seconds(600), absolute: .seconds(3_600)), timeout: .seconds(60))
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: short)
            let session = try await store.create(userID: "7", data: Cart())
            let key = "app:session:{\(session.reference.tag)}"
            for name in [key, "\(key):\(session.reference.name)"] { try server("PEXPIRE", name, "60000") }
            try await store.refresh(session.id)
            #expect(try #require(try server("PTTL", key).int) > 3_600_000)
        }
    }

    @Test func `seed 003: a session without an entry in the index is stored`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let tag = SessionID.tag(user: "7", prefix: "app")
            // The index cannot be written: the session that is there then is none.
            try server("SET", "app:session:{\(tag)}", "x", "PX", "60000")
            await expectError(.wrongType) { try await store.create(userID: "7", data: Cart()) }
            try server("DEL", "app:session:{\(tag)}")
            try server("CONFIG", "SET", "maxmemory", "1")
            await expectError(.unavailable) { try await store.create(userID: "8", data: Cart()) }
            try server("CONFIG", "SET", "maxmemory", "0")
            #expect(try server("KEYS", "*{\(SessionID.tag(user: "8", prefix: "app"))}*").strings == [])
        }
    }

    @Test func `seed 003: expired ids stay in the index`() async throws {
        try await withVirtualServer { clock, redis in
            let store = RedisSessionStore<Cart>(
                redis, prefix: "app", options: .unhurried, scripts: clock.sessionScripts)
            let index = "app:session:{\(SessionID.tag(user: "7", prefix: "app"))}"
            for _ in 0..<10 { _ = try await store.create(userID: "7", data: Cart()) }
            try clock.advance(.seconds(86_401))
            _ = try await store.create(userID: "7", data: Cart())
            #expect(try clock.server("ZCARD", index) == 1)
            try clock.advance(.seconds(86_401))
            #expect(try await store.list(userID: "7").isEmpty)
            #expect(try clock.server("EXISTS", index) == 0)
        }
    }

    @Test func `seed 003: destroyAll takes a round trip for each session`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            try server.load(SessionScripts.live.all)
            for _ in 0..<100 { _ = try await store.create(userID: "7", data: Cart()) }
            try server("CONFIG", "RESETSTAT")
            #expect(try await store.destroyAll(userID: "7") == 100)
            #expect(try server.calls(of: "evalsha") == 2 && server.calls(of: "zpopmax") == 1)
            #expect(try server.calls(of: "rename") == 1)
        }
    }

    @Test func `seed 003: destroyAll misses a session that is created at the same time`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .seconds(20)))
            for _ in 0..<20 {
                async let ended = store.destroyAll(userID: "7")
                async let new = store.create(userID: "7", data: Cart())
                _ = try await ended
                let session = try await new
                // Alive and unlisted it would outlive the next one too.
                try await store.destroyAll(userID: "7")
                #expect(try await store.state(session.id) == .revoked)
            }
        }
    }

    @Test func `seed 003: refresh stores a session that has ended anew`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            // As if its time were over: nothing is left of it, and refresh has nothing to write.
            for key in try server("KEYS", "*").strings { try server("DEL", key) }
            await expectError(.notFound) { try await store.refresh(session.id) }
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `seed 003: a user's index shares names with sessions`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            _ = try await store.create(userID: "7", data: Cart())
            for text in ["user:7", "session:user:7", SessionID.tag(user: "7", prefix: "app")] {
                #expect(try await store.state(SessionID(text)) == .unknown)
            }
        }
    }

    @Test func `seed 003: nothing changes the id at log-in`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let fixed = try await store.create(userID: "7", data: Cart(visits: 1))
            let session = try await store.rotate(fixed.id)
            // Whoever planted the first id is out.
            #expect(try await store.get(fixed.id) == nil)
            #expect(try await store.get(session.id)?.data.visits == 1)
        }
    }

    @Test func `seed 003: the client's clock says when sessions end`() async throws {
        try await withVirtualServer { clock, redis in
            let store = RedisSessionStore<Cart>(
                redis, prefix: "app", options: .unhurried, scripts: clock.sessionScripts)
            // A year away from the clock of this process.
            try clock.advance(.seconds(-365 * 86_400))
            let session = try await store.create(userID: "7", data: Cart())
            #expect(Int64((session.createdAt.timeIntervalSince1970 * 1e6).rounded()) == clock.now)
            #expect(try await store.state(session.id) == .active)
        }
    }
}
