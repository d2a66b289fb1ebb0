// Actions that wait for a person's confirmation: what used to be a dictionary with a lock and a clean-up thread.
//
//     swift run PendingActions
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore
import ServiceLifecycle

struct PendingAction: Codable, Sendable {
    var user: String
    var description: String
    var status = "pending"
}

/// The store as its callers know it: the same four methods as before.
struct PendingActionsStore: Sendable {
    let cache: IndexedCache

    func add(_ id: String, _ action: PendingAction, session: String) async throws {
        try await cache.set(id, action, indexes: ["user": action.user, "session": session])
    }

    func pending(of user: String) async throws -> [(id: String, action: PendingAction)] {
        try await cache.allByIndex("user", user, as: PendingAction.self).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    /// False when it expired meanwhile: a late click confirms nothing.
    func confirm(_ id: String) async throws -> Bool { try await cache.update(id, ["status": "confirmed"]) }

    func remove(_ id: String) async throws -> Bool { try await cache.delete(id) }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    // As IndexedCache.confirmation(redis), and somebody is told of what nobody confirmed.
    let cache = IndexedCache(
        redis, namespace: "confirmation", defaultTTL: .after(.seconds(15 * 60)), expiry: .values())
    let store = PendingActionsStore(cache: cache)
    try await cache.clearNamespace()

    try await store.add("action_1", PendingAction(user: "alice", description: "create an issue"), session: "s1")
    try await store.add("action_2", PendingAction(user: "alice", description: "delete a file"), session: "s2")
    try await store.add("action_3", PendingAction(user: "bob", description: "pay an invoice"), session: "s3")
    print("alice has \(try await store.pending(of: "alice").count) pending actions")

    // Only the field changes; the other fields, the time to live and the indexes stay.
    print("confirmed: \(try await store.confirm("action_1"))")
    for (id, action) in try await store.pending(of: "alice") {
        print("\(id): \(action.description), \(action.status)")
    }
    print("by session: \(try await cache.allKeysByIndex("session", "s2"))")

    // Nobody has to say which indexes it was in.
    print("removed: \(try await store.remove("action_1"))")
    print("alice has \(try await store.pending(of: "alice").map(\.id))")

    // What nobody confirmed in time is told, at least once, by one of all processes that run a sweeper.
    let (told, tell) = AsyncStream<String>.makeStream()
    let sweeper = try ExpirySweeper(cache, options: ExpirySweeperOptions(pause: .milliseconds(20))) { expired in
        let action = try expired.value(as: PendingAction.self)
        tell.yield("\(expired.key) of \(action?.user ?? "nobody") expired: \(action?.description ?? "")")
    }
    let running = Task { try await sweeper.run() }
    print("shortened: \(try await cache.setTTL("action_3", .after(.milliseconds(50))))")
    for await line in told {
        print(line)
        break
    }
    running.cancel()
    _ = await running.result
    print("too late: \(try await store.confirm("action_3"))")
    print("bob has \(try await store.pending(of: "bob").count) pending actions")
    print("cleared: \(try await cache.clearNamespace())")
}
await server?.stop()
