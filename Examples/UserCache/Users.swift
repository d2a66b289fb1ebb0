import Cache
import RedisCore

struct User: Codable, Sendable {
    let id: Int
    var name: String
}

/// A database of users that counts how often it is asked.
actor Database {
    private var users = [1: User(id: 1, name: "Ada"), 2: User(id: 2, name: "Grace")]
    private(set) var queries = 0

    func find(_ id: Int) -> User? {
        queries += 1
        return users[id]
    }

    func all() -> [User] {
        queries += 1
        return users.values.sorted { $0.id < $1.id }
    }

    func rename(_ id: Int, to name: String) -> User? {
        users[id]?.name = name
        return users[id]
    }

    func add(_ name: String) -> User {
        let user = User(id: users.count + 1, name: name)
        users[user.id] = user
        return user
    }
}

/// What one process of the application has: the user cache, ten minutes for a user, and for the lists of users.
struct UserService {
    let cache: RedisCache
    let users: CachedRepository<Int, User>
    let invalidator: Invalidator
    private let database: Database

    /// The same function as a declaration, for what needs no repository; it ends with the user.
    @Cached<Int, String> var greeting: @Sendable (Int) async throws -> String

    init(_ redis: RedisClient, _ database: Database, prefix: String) {
        cache = RedisCache(redis, prefix: prefix)
        invalidator = Invalidator(
            cache, strategy: .onEvent(channel: "\(prefix):changes"),
            options: .init(source: "example", startsClean: false))
        users = CachedRepository(invalidator, entity: "user", ttl: .after(.seconds(600))) { await database.find($0) }
        self.database = database
        _greeting = Cached(
            wrappedValue: { id in "Hello, \(await database.find(id)?.name ?? "nobody")!" }, cache,
            key: { "greeting:\($0)" }, ttl: "10m", tags: { [Invalidator.objectTag("user", id: "\($0)")] })
    }

    func names() async throws -> String {
        let all = try await users.list("all") { [database] in await database.all() }
        return all.map(\.name).joined(separator: ", ")
    }
}
