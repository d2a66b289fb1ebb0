import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 for sessions: whatever the server does, an outage is an error, nothing that was ended comes back, and afterwards
/// everything works again.
@Suite struct SessionFaultTests {
    private let hasty = SessionOptions(timeout: .milliseconds(500))

    private func expectOutage(_ store: RedisSessionStore<Cart>, _ session: Session<Cart>) async {
        await expectError(.unavailable) { try await store.get(session.id) }
        await expectError(.unavailable) { try await store.refresh(session.id) }
        await expectError(.unavailable) { try await store.create(userID: "7", data: Cart()) }
        await expectError(.unavailable) { try await store.update(session.id) { $0.data.visits = 1 } }
        await expectError(.unavailable) { try await store.rotate(session.id) }
        await expectError(.unavailable) { try await store.destroy(session.id) }
        await expectError(.unavailable) { try await store.destroyAll(userID: "7") }
        await expectError(.unavailable) { try await store.list(userID: "7") }
    }

    @Test func `a server that is gone is an outage, and one that comes back with its data has the sessions`()
        async throws
    {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: hasty)
            let patient = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await patient.create(userID: "7", data: Cart())
            let ended = try await patient.create(userID: "7", data: Cart())
            try await patient.destroy(ended.id)
            await server.kill()
            await expectOutage(store, session)
            try await server.start()
            try await eventually("answers") { (try? await store.get(session.id)) != nil }
            #expect(try await patient.get(session.id) == session)
            #expect(try await patient.state(ended.id) == .revoked)
        }
    }

    @Test func `a server that comes back empty has no sessions`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            try await server.restart()
            try await eventually("answers") { (try? await store.state(session.id)) == .unknown }
            await expectError(.notFound) { try await store.refresh(session.id) }
            await expectError(.notFound) { try await store.update(session.id) { $0.data.visits = 1 } }
            #expect(try server("DBSIZE") == 0, "nothing is brought back")
            _ = try await store.create(userID: "7", data: Cart())
        }
    }

    @Test func `flushed data takes the sessions, flushed scripts do not`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            try server("SCRIPT", "FLUSH")
            #expect(try await store.refresh(session.id).id == session.id)
            try server("FLUSHALL")
            #expect(try await store.state(session.id) == .unknown)
        }
    }

    @Test func `a server that does not answer is an outage`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .init(timeout: .milliseconds(100)))
            let session = try await RedisSessionStore<Cart>(redis, options: .unhurried).create(
                userID: "7", data: Cart())
            server.pause()
            await expectOutage(store, session)
            server.resume()
            try await eventually("answers") { (try? await store.list(userID: "7")) != nil }
        }
    }

    @Test func `a server that takes no writes lets sessions be read, and nothing else`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            try server("REPLICAOF", "127.0.0.1", "1")
            #expect(try await store.get(session.id) == session)
            await expectError(.unavailable) { try await store.refresh(session.id) }
            await expectError(.unavailable) { try await store.create(userID: "7", data: Cart()) }
            await expectError(.unavailable) { try await store.update(session.id) { $0.data.visits = 1 } }
            await expectError(.unavailable) { try await store.rotate(session.id) }
            await expectError(.unavailable) { try await store.destroy(session.id) }
            await expectError(.unavailable) { try await store.destroyAll(userID: "7") }
            try server("REPLICAOF", "NO", "ONE")
            #expect(try await store.get(session.id) == session, "none of them did anything")
            #expect(try await store.list(userID: "7").count == 1)
        }
    }

    @Test func `a full server lets sessions be read and ended`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, options: .unhurried)
            var sessions: [Session<Cart>] = []
            for _ in 0..<4 { sessions.append(try await store.create(userID: "7", data: Cart())) }
            let keys = try server("DBSIZE")
            try server("CONFIG", "SET", "maxmemory", "1")
            #expect(try await store.get(sessions[0].id) == sessions[0])
            await expectError(.unavailable) { try await store.create(userID: "7", data: Cart()) }
            await expectError(.unavailable) { try await store.refresh(sessions[0].id) }
            await expectError(.unavailable) { try await store.update(sessions[0].id) { $0.data.visits = 1 } }
            await expectError(.unavailable) { try await store.rotate(sessions[0].id) }
            #expect(try server("DBSIZE") == keys, "nothing is half done")
            #expect(try await store.destroyAll(userID: "nobody") == 0)
            #expect(try await store.get(sessions[0].id) == sessions[0])
            #expect(try await store.destroy(sessions[0].id))
            #expect(try await store.destroyAll(userID: "7", except: sessions[3].reference) == 2)
            for session in sessions.dropLast() { #expect(try await store.state(session.id) == .revoked) }
            #expect(try await store.state(sessions[3].id) == .active)
            try server("CONFIG", "SET", "maxmemory", "0")
        }
    }

    @Test func `a session that was ended is ended though the clearing away fails`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(SessionScripts.live.all)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let store = RedisSessionStore<Cart>(redis, options: .unhurried)
                    let session = try await store.create(userID: "7", data: Cart())
                    proxy.set(.cutBeforeSend(match: "ZPOPMAX", times: 1_000))
                    #expect(try await store.destroyAll(userID: "7") == 1)
                    proxy.set(.pass)
                    #expect(
                        try server("EXISTS", "signalbox:session:{\(session.reference.tag)}:\(session.reference.name)")
                            == 1)
                    try await eventually("answers") { (try? await store.state(session.id)) == .revoked }
                }
            }
        }
    }
}
