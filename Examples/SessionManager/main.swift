// Logs a user in on several devices, changes the id when rights change, lists the devices, and logs out everywhere.
//
//     swift run SessionManager
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

/// What the application keeps of somebody who is logged in.
struct Visit: Codable, Sendable {
    var cart: [String] = []
    var isAdmin = false
}

struct SessionManager {
    let sessions: RedisSessionStore<Visit>

    init(_ redis: RedisClient) {
        // A day without a visit ends a session, a week ends it in any case; a user has five at most.
        let life = SessionLife(idle: .seconds(86_400), absolute: .seconds(7 * 86_400))
        sessions = RedisSessionStore(
            redis, prefix: "example-session-manager", options: SessionOptions(life: life, maxPerUser: 5))
    }

    /// What goes into the cookie.
    func logIn(_ userID: String, on device: String) async throws -> String {
        let session = try await sessions.create(
            userID: userID, data: Visit(), tenantID: "acme", metadata: ["device": device])
        return session.id.value
    }

    /// What every request begins with; an outage throws, so that it is not taken for "not logged in".
    func visit(_ cookie: String) async throws -> Session<Visit>? {
        try await sessions.get(SessionID(cookie), touching: true)
    }

    /// More rights, another id: whoever knew the old one does not get them.
    func becomeAdmin(_ cookie: String) async throws -> String {
        let session = try await sessions.rotate(SessionID(cookie))
        try await sessions.update(session.id) { $0.data.isAdmin = true }
        return session.id.value
    }
}

func standing(_ manager: SessionManager, _ cookie: String) async throws -> String {
    switch try await manager.sessions.lookup(SessionID(cookie)) {
    case .active(let session): "active, cart \(session.data.cart), admin \(session.data.isAdmin)"
    case .expired: "expired"
    case .revoked: "revoked"
    case .unknown: "unknown"
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let manager = SessionManager(redis)
    let user = "user-\(UUID().uuidString)"
    let phone = try await manager.logIn(user, on: "phone")
    let laptop = try await manager.logIn(user, on: "laptop")
    _ = try await manager.logIn(user, on: "tablet")

    // Two requests at once change the same session; neither is lost.
    let id = SessionID(phone)
    async let book: Session<Visit> = manager.sessions.update(id) { $0.data.cart.append("book") }
    async let lamp: Session<Visit> = manager.sessions.update(id) { $0.data.cart.append("lamp") }
    _ = try await (book, lamp)
    print("in the cart: \(try await manager.visit(phone)?.data.cart.sorted() ?? [])")

    let admin = try await manager.becomeAdmin(laptop)
    print("laptop, old id: \(try await standing(manager, laptop))")
    print("laptop, new id: \(try await standing(manager, admin))")

    let current = try await manager.visit(admin)?.reference
    for session in try await manager.sessions.list(userID: user) {
        let mark = session.reference == current ? " (this one)" : ""
        print("device: \(session.metadata["device"] ?? "?")\(mark), tenant \(session.tenantID ?? "none")")
    }

    let ended = try await manager.sessions.destroyAll(userID: user, except: current)
    print("logged out elsewhere: \(ended)")
    print("phone: \(try await standing(manager, phone))")
    print("log out everywhere: \(try await manager.sessions.destroyAll(userID: user))")
    print("laptop: \(try await standing(manager, admin))")
    print("somebody's guess: \(try await standing(manager, "guess"))")
}
await server?.stop()
