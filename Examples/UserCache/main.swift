// A user cache in two processes: read through, write through, and invalidation by tag and by event.
//
//     swift run UserCache
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

// Two clients stand for two processes; nothing but Redis and the database is between them.
try await RedisClient.withClient(configuration) { first in
    try await RedisClient.withClient(configuration) { second in
        let database = Database()
        let prefix = "example-users-\(UUID().uuidString.prefix(8))"
        let here = UserService(first, database, prefix: prefix)
        let there = UserService(second, database, prefix: prefix)

        // One of the processes applies the events of all.
        let applying = Task { try await there.invalidator.run() }

        _ = try await here.users.find(1)
        _ = try await there.users.find(1)
        print("two processes read a user, queries: \(await database.queries)")

        print("users: \(try await here.names())")
        print(try await there.greeting(1))

        // The new name goes to the database, then into the cache; an event ends the lists and the greeting.
        try await here.users.update(1) { await database.rename(1, to: "Ada Lovelace") }
        let queries = await database.queries
        print("the other process reads the new name: \(try await there.users.find(1)?.name ?? "none")")
        print("and nobody asked the database for it: \(await database.queries == queries)")
        try await until { try await there.greeting(1) == "Hello, Ada Lovelace!" }
        print("users: \(try await there.names())")

        try await there.users.create {
            let user = await database.add("Barbara")
            return (user.id, user)
        }
        try await until { try await here.names().contains("Barbara") }
        print("users: \(try await here.names())")

        // By tag, without events: everything that was made of user 2.
        _ = try await here.greeting(2)
        _ = await database.rename(2, to: "Grace Hopper")
        try await here.cache.invalidate(tags: Invalidator.objectTag("user", id: "2"))
        print(try await there.greeting(2))

        // Before anybody asks: who reads then asks the database no more.
        let report = try await here.invalidator.warmUp(["user:2", "user:3"]) { key in
            guard let user = await database.find(Int(key.dropFirst("user:".count)) ?? 0) else { throw NoSuchUser() }
            return user
        }
        let asked = await database.queries
        _ = try await there.users.find(3)
        print("warmed up: \(report.stored), queries for one of them: \(await database.queries - asked)")

        applying.cancel()
        _ = await applying.result
        // Leaves nothing behind that has no end.
        try await here.cache.clear()
        print("entries deleted: \(try await here.cache.reap().deleted > 0)")
    }
}
await server?.stop()

struct NoSuchUser: Error {}

/// Events take a moment.
func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(5)) }
}
