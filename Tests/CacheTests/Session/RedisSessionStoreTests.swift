import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct RedisSessionStoreTests {
    @Test func `reading, refreshing and ending are one round trip each`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            try server.load(SessionScripts.live.all)
            let session = try await store.create(userID: "7", data: Cart())
            let before = try server.calls(of: "evalsha")
            _ = try await store.get(session.id)
            _ = try await store.refresh(session.id)
            _ = try await store.rotate(session.id)
            _ = try await store.destroy(session.id)
            #expect(try server.calls(of: "evalsha") == before + 4)
            try await store.update(try await store.create(userID: "7", data: Cart()).id) { $0.data.visits = 1 }
            #expect(try server.calls(of: "evalsha") == before + 7)
        }
    }

    @Test func `Redis is told no id that works`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let monitor = try server.connect(timeout: .seconds(60))
            _ = try monitor.call(["MONITOR"])
            let first = try await store.create(userID: "ada@example.org", data: Cart())
            let session = try await store.rotate(first.id)
            _ = try await store.get(session.id, touching: true)
            try await store.update(session.id) { $0.data.visits = 1 }
            try server("ECHO", "the end")
            while let line = try monitor.receive().string, !line.contains("the end") {
                for id in [first.id, session.id] { #expect(!line.contains(id.value.suffix(22))) }
            }
            for key in try server("KEYS", "*").strings { #expect(!key.contains("ada")) }
            // What stands in the keys does not open the session.
            for text in [session.reference.tag + session.reference.name, session.reference.value] {
                #expect(try await store.get(SessionID(text)) == nil)
            }
            #expect(try await store.state(session.id) == .active)
        }
    }

    @Test func `ids print themselves nowhere`() async throws {
        let lines = LogLines()
        try await withRedisServer { server in
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .milliseconds(300)))
            let patient = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await patient.create(userID: "7", data: Cart())
            #expect(!"\(session)".contains(session.id.value) && !"\(session.id)".contains(session.id.value))
            #expect(!String(reflecting: session).contains(session.id.value))
            var dumped = ""
            dump(session, to: &dumped)
            #expect(!dumped.contains(session.id.value))
            try await patient.destroy(session.id)
            let revoked = await expectError(.revoked) { try await patient.refresh(session.id) }
            await server.kill()
            var errors = [try #require(revoked)]
            for _ in 0..<6 {
                errors.append(try #require(await expectError(.unavailable) { try await store.get(session.id) }))
            }
            for error in errors {
                #expect(error.key == nil)
                #expect(!"\(error)".contains(session.reference.name) && !"\(error)".contains(session.id.value))
            }
            #expect(lines.count(of: session.id.value) == 0 && lines.count(of: session.reference.name) == 0)
            await redis.close(drain: .zero)
        }
    }

    @Test func `stores of other prefixes and other users know nothing of a session`() async throws {
        try await withRedis { _, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "a", options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            let other = RedisSessionStore<Cart>(redis, prefix: "b", options: .unhurried)
            #expect(try await other.get(session.id) == nil)
            #expect(try await other.destroyAll(userID: "7") == 0)
            #expect(try await store.get(session.id) == session)
        }
    }

    @Test func `data of another type is undecodable, and the session can be ended all the same`() async throws {
        try await withRedis { _, redis in
            let session = try await RedisSessionStore<Cart>(redis, options: .unhurried).create(
                userID: "7", data: Cart())
            let store = RedisSessionStore<Int>(redis, options: .unhurried)
            let error = await expectError(.undecodable) { try await store.get(session.id) }
            #expect(error?.key == nil)
            let readable = try await store.create(userID: "7", data: 1)
            let page = try await store.list(userID: "7", after: nil, limit: 10)
            #expect(page.sessions == [readable.info])
            #expect(page.undecodable == [session.reference])
            #expect(try await store.list(userID: "7") == [readable.info])
            #expect(try await store.destroy(page.undecodable[0]))
            #expect(try await store.destroyAll(userID: "7") == 1)
        }
    }

    @Test func `keys live as long as they are of use`() async throws {
        try await withRedis { server, redis in
            let options = SessionOptions(
                life: SessionLife(idle: .seconds(1_000), absolute: .seconds(10_000)), endedFor: .seconds(100),
                timeout: .seconds(60))
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: options)
            let session = try await store.create(userID: "7", data: Cart())
            let key = "app:session:{\(session.reference.tag)}"
            for name in [key, "\(key):\(session.reference.name)"] {
                let left = try #require(try server("PTTL", name).int)
                #expect((1_010_000...1_100_001).contains(left))
            }
            // A shorter session does not shorten the index.
            _ = try await store.create(
                userID: "7", data: Cart(), tenantID: nil, metadata: [:], life: SessionLife(idle: .seconds(100)))
            #expect(try #require(try server("PTTL", key).int) > 1_000_000)
            _ = try await store.destroyAll(userID: "7", except: session.reference)
            #expect(try #require(try server("PTTL", key).int) > 1_000_000)
            try await store.destroy(session.id)
            let left = try #require(try server("PTTL", "\(key):\(session.reference.name)").int)
            #expect((10_000...100_000).contains(left))
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a session that nobody asks for is gone after its time`() async throws {
        try await withRedis { server, redis in
            let options = SessionOptions(
                life: SessionLife(idle: .milliseconds(20)), endedFor: .seconds(1), timeout: .seconds(20))
            let store = RedisSessionStore<Cart>(redis, options: options)
            var session = try await store.create(userID: "7", data: Cart())
            try await eventually("expired") {
                let state = try await store.state(session.id)
                // A test that is held up for that second finds it forgotten, and looks at another.
                if state == .unknown { session = try await store.create(userID: "7", data: Cart()) }
                return state == .expired
            }
            try await eventually("forgotten") { try await store.state(session.id) == .unknown }
            try await eventually("nothing is left") { try server("DBSIZE") == 0 }
        }
    }

    @Test func `the JSON form is that of the documents`() async throws {
        try await withVirtualServer { clock, redis in
            let store = RedisSessionStore<Cart>(
                redis, prefix: "app", options: .unhurried, scripts: clock.sessionScripts)
            let session = try await store.create(userID: "7", data: Cart(visits: 1), tenantID: "acme")
            let encoder = JSONEncoder()
            encoder.outputFormatting = .sortedKeys
            let text = String(decoding: try encoder.encode(session), as: UTF8.self)
            #expect(
                text == #"{"created_at":"2025-11-21T04:40:00.000000Z","data":{"items":[],"visits":1},"#
                    + #""ends_at":"2025-11-28T04:40:00.000000Z","expires_at":"2025-11-22T04:40:00.000000Z","#
                    + #""id":"\#(session.id.value)","last_seen_at":"2025-11-21T04:40:00.000000Z","metadata":{},"#
                    + #""tenant_id":"acme","user_id":"7","version":1}"#)
            #expect(try JSONDecoder().decode(Session<Cart>.self, from: Data(text.utf8)) == session)
            let listed = try encoder.encode(session.info)
            #expect(!String(decoding: listed, as: UTF8.self).contains(session.id.value))
            #expect(try JSONDecoder().decode(SessionInfo<Cart>.self, from: listed) == session.info)
            // As the Go code of the documents writes it.
            let go = #"""
                {"id":"0b7e","user_id":"7","data":{"items":["x"],"visits":2},
                 "created_at":"2025-11-21T11:40:00.123456789+07:00","expires_at":"2025-11-22T04:40:00Z"}
                """#
            let foreign = try JSONDecoder().decode(Session<Cart>.self, from: Data(go.utf8))
            #expect(foreign.id == SessionID("0b7e") && foreign.data.visits == 2 && foreign.userID == "7")
            #expect(throws: DecodingError.self) {
                try JSONDecoder().decode(
                    Session<Cart>.self, from: Data(go.replacing("2025-11-22T", with: "tomorrow").utf8))
            }
        }
    }

    @Test func `the server's clock decides, and its jumps are survived`() async throws {
        try await withVirtualServer { clock, redis in
            let store = RedisSessionStore<Cart>(
                redis, prefix: "app", options: .unhurried, scripts: clock.sessionScripts)
            let session = try await store.create(userID: "7", data: Cart())
            #expect(Int64((session.createdAt.timeIntervalSince1970 * 1e6).rounded()) == clock.now)
            // Back: it lives longer at most, and the next refresh counts from now again.
            try clock.advance(.seconds(-7_200))
            #expect(try await store.state(session.id) == .active)
            let refreshed = try await store.refresh(session.id)
            #expect(abs(refreshed.expiresAt.timeIntervalSince(refreshed.lastSeenAt) - 86_400) < 0.001)
            let second = try await store.create(userID: "7", data: Cart())
            #expect(try await store.list(userID: "7").count == 2)
            // Forward: expired, and not revived when it goes back.
            try clock.advance(.seconds(3 * 86_400))
            #expect(try await store.state(second.id) == .expired)
            #expect(try await store.list(userID: "7").isEmpty)
            try clock.advance(.seconds(-3 * 86_400))
            #expect(try await store.state(second.id) == .revoked)
            let third = try await store.create(userID: "7", data: Cart())
            #expect(try await store.list(userID: "7").map(\.reference) == [third.reference])
        }
    }

    @Test func `the oldest go first though the clock went back`() async throws {
        try await withVirtualServer { clock, redis in
            let store = RedisSessionStore<Cart>(
                redis, prefix: "app", options: .init(maxPerUser: 1, timeout: .seconds(60)),
                scripts: clock.sessionScripts)
            let first = try await store.create(userID: "7", data: Cart())
            try clock.advance(.seconds(-3_600))
            let second = try await store.create(userID: "7", data: Cart())
            #expect(try await store.state(first.id) == .revoked)
            #expect(try await store.state(second.id) == .active)
        }
    }

    @Test func `a lost index or session is over, and cannot be told from one that was ended`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let one = try await store.create(userID: "7", data: Cart())
            let two = try await store.create(userID: "7", data: Cart())
            let key = "app:session:{\(one.reference.tag)}"
            try server("DEL", "\(key):\(one.reference.name)")
            #expect(try await store.state(one.id) == .unknown)
            #expect(try await store.list(userID: "7").map(\.reference) == [two.reference])
            #expect(try server("ZCARD", key) == 1, "what was lost is taken out")
            try server("DEL", key)
            #expect(try await store.state(two.id) == .revoked)
            await expectError(.revoked) { try await store.refresh(two.id) }
        }
    }

    @Test func `a cancelled call throws CancellationError`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .seconds(20)))
            let session = try await store.create(userID: "7", data: Cart())
            server.pause()
            let call = Task { try await store.get(session.id) }
            call.cancel()
            await #expect(throws: CancellationError.self) { try await call.value }
            server.resume()
        }
    }
}
