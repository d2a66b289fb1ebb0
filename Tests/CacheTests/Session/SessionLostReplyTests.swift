import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T4 for every script of sessions: the link is cut before the request arrives, or after it was executed and before its
/// reply; the request is repeated; the effect and the answer are those of one.
@Suite struct SessionLostReplyTests {
    private let scripts = SessionScripts.live

    private func withCut(
        _ script: RedisScript, executed: Bool, _ options: SessionOptions = SessionOptions(timeout: .seconds(20)),
        _ body: (RedisServer, RedisSessionStore<Cart>, () -> Void) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            // A request must be EVALSHA at once for the proxy to recognise it.
            try server.load(scripts.all)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let store = RedisSessionStore<Cart>(redis, options: options)
                    try await body(server, store) {
                        proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
                    }
                }
            }
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    @Test(arguments: [true, false])
    func `one session is created`(executed: Bool) async throws {
        try await withCut(scripts.create, executed: executed, SessionOptions(maxPerUser: 2, timeout: .seconds(20))) {
            _, store, cut in
            let first = try await store.create(userID: "7", data: Cart())
            cut()
            let session = try await store.create(userID: "7", data: Cart(visits: 1), metadata: ["a": "b"])
            #expect(try await store.get(session.id) == session)
            #expect(try await store.list(userID: "7") == [first.info, session.info])
        }
    }

    @Test(arguments: [true, false])
    func `a session is read and refreshed`(executed: Bool) async throws {
        try await withCut(scripts.read, executed: executed) { _, store, cut in
            let session = try await store.create(userID: "7", data: Cart())
            cut()
            #expect(try await store.get(session.id) == session)
            cut()
            #expect(try await store.refresh(session.id).expiresAt > session.expiresAt)
        }
    }

    @Test(arguments: [true, false])
    func `an update is made once`(executed: Bool) async throws {
        try await withCut(scripts.update, executed: executed) { _, store, cut in
            let session = try await store.create(userID: "7", data: Cart())
            cut()
            let updated = try await store.update(session.id) { $0.data.visits += 1 }
            #expect(updated.data.visits == 1 && updated.version == 2)
            #expect(try await store.get(session.id) == updated)
        }
    }

    @Test(arguments: [true, false])
    func `updates of many tasks, cut in the middle, are made once each`(executed: Bool) async throws {
        try await withCut(scripts.update, executed: executed) { _, store, cut in
            let id = try await store.create(userID: "7", data: Cart()).id
            cut()
            let outcomes = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<16 {
                    group.addTask { (try? await store.update(id) { $0.data.visits += 1 }) != nil }
                }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            let visits = try #require(try await store.get(id)?.data.visits)
            // One that nobody could tell any more was told to its caller as an outage, and may have been made.
            let made = outcomes.count { $0 }
            #expect(visits >= made && visits <= 16)
            #expect(try await store.get(id)?.version == Int64(visits + 1))
        }
    }

    @Test func `an update of which nobody can tell is an outage, not a second update`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let session = try await store.create(userID: "7", data: Cart())
            let key = "app:session:{\(session.reference.tag)}"
            let keys = ["\(key):\(session.reference.name)", key]
            func send(_ version: Int64, _ request: String, isRepetition: Bool) throws -> Int? {
                try server.call(
                    ["EVAL", scripts.update.source, "2"] + keys
                        + [session.reference.name, "\(version)", "", "{}", request, isRepetition ? "1" : "0"]
                ).array?.first?.int
            }
            let first = "0000000000000001"
            #expect(try send(1, first, isRepetition: false) == 1)
            for number in 2...9 {
                #expect(try send(Int64(number), "000000000000001\(number)", isRepetition: false) == 1)
                // Up to eight later the first is still known.
                #expect(try send(1, first, isRepetition: true) == (number < 9 ? 1 : 5))
            }
            #expect(
                try send(1, "00000000000000ff", isRepetition: false) == 4, "never sent before: an ordinary conflict")
        }
    }

    @Test(arguments: [true, false])
    func `a rotation gives one new id`(executed: Bool) async throws {
        try await withCut(scripts.rotate, executed: executed) { _, store, cut in
            let old = try await store.create(userID: "7", data: Cart(visits: 4))
            cut()
            let new = try await store.rotate(old.id)
            #expect(try await store.state(old.id) == .revoked)
            #expect(try await store.get(new.id)?.data.visits == 4)
            #expect(try await store.list(userID: "7").map(\.reference) == [new.reference])
        }
    }

    @Test(arguments: [true, false])
    func `an end is one end and says so`(executed: Bool) async throws {
        try await withCut(scripts.destroy, executed: executed) { _, store, cut in
            let session = try await store.create(userID: "7", data: Cart())
            cut()
            #expect(try await store.destroy(session.id))
            #expect(try await store.destroy(session.id) == false)
            #expect(try await store.state(session.id) == .revoked)
        }
    }

    @Test(arguments: [true, false])
    func `all are ended once and counted`(executed: Bool) async throws {
        try await withCut(scripts.destroyAll, executed: executed) { server, store, cut in
            var sessions: [Session<Cart>] = []
            for _ in 0..<3 { sessions.append(try await store.create(userID: "7", data: Cart())) }
            cut()
            #expect(try await store.destroyAll(userID: "7", except: sessions[1].reference) == 2)
            #expect(try await store.list(userID: "7") == [sessions[1].info])
            #expect(try server("KEYS", "*:ended:*").strings == [])
        }
    }

    @Test(arguments: [true, false])
    func `sessions that were pushed out are buried`(executed: Bool) async throws {
        try await withCut(scripts.bury, executed: executed, SessionOptions(maxPerUser: 1, timeout: .seconds(20))) {
            server, store, cut in
            let old = try await store.create(userID: "7", data: Cart())
            cut()
            let new = try await store.create(userID: "7", data: Cart())
            let key = "signalbox:session:{\(old.reference.tag)}:\(old.reference.name)"
            #expect(try server("HGETALL", key).strings == ["ended", "revoked"])
            #expect(try await store.state(old.id) == .revoked)
            #expect(try await store.list(userID: "7") == [new.info])
        }
    }

    /// The session was created between the first execution and its repetition: after the first, it does not end.
    @Test func `a repeated end of all spares what began after the first`() async throws {
        try await withRedis { server, redis in
            let store = RedisSessionStore<Cart>(redis, prefix: "app", options: .unhurried)
            let tag = SessionID.tag(user: "7", prefix: "app")
            func endAll(_ request: String) throws -> RespValue {
                try server.call(
                    [
                        "EVAL", scripts.destroyAll.source, "2", "app:session:{\(tag)}",
                        "app:session:{\(tag)}:ended:\(request)",
                    ]
                        + ["3600000", ""])
            }
            #expect(try endAll("1") == 0)
            let one = try await store.create(userID: "7", data: Cart())
            #expect(try endAll("1") == 0)
            #expect(try await store.state(one.id) == .active)
            #expect(try endAll("2") == 1)
            let two = try await store.create(userID: "7", data: Cart())
            #expect(try endAll("2") == 1)
            #expect(try await store.state(one.id) == .revoked)
            #expect(try await store.state(two.id) == .active)
        }
    }

    @Test(arguments: [true, false])
    func `pages are read`(executed: Bool) async throws {
        for script in [scripts.page, scripts.readMany] {
            try await withCut(script, executed: executed) { _, store, cut in
                let session = try await store.create(userID: "7", data: Cart())
                cut()
                #expect(try await store.list(userID: "7") == [session.info])
            }
        }
    }
}
