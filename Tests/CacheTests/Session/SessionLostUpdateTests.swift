import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Between a lost reply to an update and its repetition the session may end: the change may have been made before.
@Suite struct SessionLostUpdateTests {
    private let update = SessionScripts.live.update

    @Test(arguments: ["rotate", "destroy", "destroyAll", "lose"])
    func `a repeated update of a session that is over is not told as not made`(end: String) async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            let index = "app:session:{\(session.reference.tag)}"
            let keys = ["\(index):\(session.reference.name)", index]
            func send(_ request: String, isRepetition: Bool) throws -> Int? {
                let data = #"{"items":[],"visits":1}"#
                let arguments = [session.reference.name, "1", "", data, request, isRepetition ? "1" : "0"]
                return try server.call(["EVAL", update.source, "2"] + keys + arguments).array?.first?.int
            }
            let first = "0000000000000001"
            #expect(try send(first, isRepetition: false) == 1)
            switch end {
            case "rotate": _ = try await store.rotate(session.id)
            case "destroy": #expect(try await store.destroy(session.id))
            case "destroyAll": #expect(try await store.destroyAll(userID: "7") == 1)
            default: try server("DEL", keys[0])
            }
            #expect(try send(first, isRepetition: true) == 5)
            let state = end == "lose" ? 0 : 3
            #expect(try send("00000000000000ff", isRepetition: false) == state, "never sent before: nothing is stored")
        }
    }

    @Test(arguments: [true, false])
    func `an update is an outage of unknown effect when its reply was lost and then the session ended`(
        executed: Bool
    ) async throws {
        // Somebody ends the session right before the repetition is executed.
        let meddling = SessionScripts(
            clock: "ARGV[6] == '1' and redis.call('HSET', KEYS[1], 'ended', 'revoked') and nil or redis.call('TIME')")
        try await withRedisServer(.init(checksLeaks: true)) { server in
            // A request must be EVALSHA at once for the proxy to recognise it.
            try server.load(meddling.all)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried, scripts: meddling)
                    let session = try await store.create(userID: "7", data: Cart())
                    let sha = meddling.update.sha
                    proxy.set(executed ? .cutBeforeReply(match: sha) : .cutBeforeSend(match: sha))
                    let error = await expectError(.unavailable) {
                        try await store.update(session.id) { $0.data.visits += 1 }
                    }
                    #expect(error?.isEffectUnknown == true)
                    #expect(try await store.state(session.id) == .revoked)
                    let key = "app:session:{\(session.reference.tag)}:\(session.reference.name)"
                    #expect(try server("HGET", key, "version").string == (executed ? "2" : "1"))
                }
            }
        }
    }

    @Test func `an update whose reply was lost may have been made, also when it cannot be sent again`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(SessionScripts.live.all)
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                // Nothing waits for the next connection, which is long in coming.
                configuration.offline = .fail
                configuration.reconnect = ReconnectPolicy(initialDelay: .seconds(60), maxDelay: .seconds(60))
                configuration.retry.maxRetries = 0
                try await withClient(configuration) { redis in
                    try await eventually("connected") { (try? await redis.command(RedisCommand("PING"))) != nil }
                    let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
                    let session = try await store.create(userID: "7", data: Cart())
                    proxy.set(.cutBeforeReply(match: update.sha))
                    let error = await expectError(.unavailable) {
                        try await store.update(session.id) { $0.data.visits += 1 }
                    }
                    #expect(error?.isEffectUnknown == true)
                    let key = "app:session:{\(session.reference.tag)}:\(session.reference.name)"
                    #expect(try server("HGET", key, "version").string == "2")
                }
            }
        }
    }
}
