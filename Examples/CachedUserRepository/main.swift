// A repository that keeps what it has read: the database is asked once, changes are seen by every process.
//
//     swift run CachedUserRepository
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore

struct User: Codable, Sendable {
    let id: Int
    var name: String
    var email: String
}

struct UserNotFound: Error { let id: Int }

/// Stands for a database: slow, right, and counting its queries.
actor UserDatabase {
    private var rows = [123: User(id: 123, name: "John", email: "john@example.com")]
    private(set) var queries = 0

    func user(_ id: Int) throws -> User {
        queries += 1
        guard let user = rows[id] else { throw UserNotFound(id: id) }
        return user
    }

    func update(_ user: User) { rows[user.id] = user }
    func delete(_ id: Int) { rows[id] = nil }
}

/// Reads through a store, and takes out what has changed.
///
/// The store is a help, never a condition: when it does not answer, the database does. Between reading a row and
/// storing it, another process may change the row; the old one is then served until its time is over. Where that is too
/// long, a cache's `remember` closes the gap.
struct CachedUserRepository {
    let store: any KeyValueStore
    let database: UserDatabase

    private func key(_ id: Int) -> String { "user:\(id)" }

    func user(_ id: Int) async throws -> User {
        if let user = await attempt("read", { try await store.find(key(id), as: User.self) }) { return user }
        let user = try await database.user(id)
        await attempt("store") { try await store.set(key(id), user, ttl: .cached) }
        return user
    }

    /// Writes through: the next reader finds the new value without a query.
    func rename(_ user: User) async throws {
        await database.update(user)
        await attempt("store") { try await store.set(key(user.id), user, ttl: .cached) }
    }

    func update(_ user: User) async throws {
        await database.update(user)
        await attempt("invalidate") { try await store.delete(key(user.id)) }
    }

    func delete(_ id: Int) async throws {
        await database.delete(id)
        await attempt("invalidate") { try await store.delete(key(id)) }
    }

    /// A failure of the store is told and costs the request nothing but time.
    @discardableResult
    private func attempt<T>(_ what: String, _ body: () async throws -> T?) async -> T? {
        do {
            return try await body()
        } catch let error as CacheError {
            print("  could not \(what): \(error.code.rawValue)")
        } catch {
            print("  could not \(what)")
        }
        return nil
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let store = RedisKeyValueStore(redis, prefix: "example-\(UUID().uuidString)")
    let database = UserDatabase()
    let users = CachedUserRepository(store: store, database: database)

    print("first read: \(try await users.user(123).name), queries: \(await database.queries)")
    print("second read: \(try await users.user(123).name), queries: \(await database.queries)")

    var john = try await users.user(123)
    john.name = "Johnny"
    try await users.rename(john)
    print("after write-through: \(try await users.user(123).name), queries: \(await database.queries)")

    john.email = "johnny@example.com"
    try await users.update(john)
    print("after invalidation: \(try await users.user(123).email), queries: \(await database.queries)")

    try await users.delete(123)
    do {
        print("after delete: \(try await users.user(123).name)")
    } catch let error as UserNotFound {
        print("after delete: no user \(error.id), keys left: \(try await store.keys().count)")
    }

    await redis.close()
    await database.update(john)
    print("without Redis: \(try await users.user(123).name), queries: \(await database.queries)")
}
await server?.stop()
