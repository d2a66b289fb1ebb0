// Loads what is missing, once, and remembers it: a database query, an API, what never changes, what is not there; then
// a hundred callers at once, and a source that fails.
//
//     swift run RememberPattern
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Cache
import EmbeddedRedis
import Foundation
import RedisCore
import Synchronization

struct User: Codable, Sendable {
    let id: Int
    let name: String
}

/// Stands for a database and an API; counts what it is asked.
final class Source: Sendable {
    struct Down: Error {}

    private let state = Mutex((queries: 0, isDown: false))

    var queries: Int { state.withLock(\.queries) }
    func goDown() { state.withLock { $0.isDown = true } }

    func user(_ id: Int) async throws -> User? {
        let isDown = state.withLock { state in
            state.queries += 1
            return state.isDown
        }
        // Long enough for a hundred callers to meet.
        try await Task.sleep(for: .milliseconds(50))
        if isDown { throw Down() }
        return id < 100 ? User(id: id, name: "user \(id)") : nil
    }

    func rates() async throws -> [String: Double] { ["EUR": 1, "USD": 1.08] }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

try await RedisClient.withClient(configuration) { redis in
    let source = Source()
    // A prefix of its own, so that the example begins with nothing.
    let cache = RedisCache(redis, prefix: "remember-example-\(UUID().uuidString)")

    // A database query, for five minutes. The second call does not reach the database.
    for _ in 0..<2 {
        let user = try await cache.remember("user:7", ttl: .after(.seconds(300))) { try await source.user(7) }
        print("user: \(user?.name ?? "none"), queries: \(source.queries)")
    }

    // An API's answer, for half an hour.
    let rates = try await cache.remember("api:rates", ttl: .after(.seconds(1_800))) { try await source.rates() }
    print("a dollar rate: \(rates["USD"] ?? 0)")

    // What never changes.
    let countries = try await cache.rememberForever("countries") { ["DE", "FR", "JP"] }
    print("countries: \(countries.joined(separator: " "))")

    // What is not there is remembered too, for 30 seconds.
    for _ in 0..<2 {
        let nobody = try await cache.remember("user:404") { try await source.user(404) }
        print("user 404: \(nobody?.name ?? "none"), queries: \(source.queries)")
    }

    // A hundred callers at once are one query.
    let names = try await withThrowingTaskGroup(of: String?.self) { group in
        for _ in 0..<100 {
            group.addTask { try await cache.remember("user:8") { try await source.user(8) }?.name }
        }
        var names: Set<String?> = []
        for try await name in group { names.insert(name) }
        return names
    }
    print("a hundred callers got \(names.compactMap(\.self)), queries: \(source.queries)")

    // One line: when the source fails, the last value goes on being served.
    let safe = cache.with { $0.remember = .failSafe }
    _ = try await safe.remember("user:9", ttl: .after(.milliseconds(100))) { try await source.user(9) }
    try await Task.sleep(for: .milliseconds(200))
    source.goDown()
    let stale = try await safe.rememberWithOrigin("user:9") { try await source.user(9) }
    print("the source is down: \(stale.value?.name ?? "none") (\(stale.origin.rawValue))")

    try await cache.delete("user:7", "user:8", "user:9", "user:404", "api:rates", "countries")
}
await server?.stop()
