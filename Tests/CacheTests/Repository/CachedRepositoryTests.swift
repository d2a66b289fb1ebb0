import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// A source that counts.
final class UserTable: Sendable {
    private let state = Mutex((users: [Int: User](), queries: 0))

    init(_ users: User...) {
        state.withLock { $0.users = Dictionary(uniqueKeysWithValues: users.map { ($0.id, $0) }) }
    }

    var queries: Int { state.withLock { $0.queries } }

    func find(_ id: Int) -> User? {
        state.withLock { state in
            state.queries += 1
            return state.users[id]
        }
    }

    func all() -> [User] {
        state.withLock { state in
            state.queries += 1
            return state.users.values.sorted { $0.id < $1.id }
        }
    }

    func save(_ user: User) -> User {
        state.withLock {
            $0.users[user.id] = user; return user
        }
    }
    func remove(_ id: Int) { state.withLock { $0.users[id] = nil } }
}

@Suite struct CachedRepositoryTests {
    private struct Failure: Error {}

    private func repository(_ cache: RedisCache, _ table: UserTable) -> CachedRepository<Int, User> {
        CachedRepository(cache, entity: "user", ttl: .after(.seconds(600))) { table.find($0) }
    }

    @Test func `the user cache of 003: ten minutes, lists end with every change`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"), User(id: 2, name: "Grace"))
            let users = repository(cache, table)
            #expect(try await users.find(1)?.name == "Ada")
            #expect(try await users.find(1)?.name == "Ada")
            #expect(table.queries == 1)
            let left = try #require(try server("PTTL", "app:user:1").int)
            #expect(left <= 600_000 && left > 480_000)
            #expect(try await users.list("p1") { table.all() }.count == 2)
            #expect(try await users.list("p1") { table.all() }.count == 2)
            #expect(table.queries == 2)

            try await users.update(1) { table.save(User(id: 1, name: "Ada L.")) }
            #expect(try await users.find(1)?.name == "Ada L.")
            #expect(table.queries == 2, "written through")
            #expect(try await users.list("p1") { table.all() }.first?.name == "Ada L.")

            #expect(try await users.find(3) == nil)
            try await users.create { (3, table.save(User(id: 3, name: "Barbara"))) }
            #expect(try await users.find(3)?.name == "Barbara", "that there was none is forgotten")
            #expect(try await users.list("p1") { table.all() }.count == 3)

            try await users.delete(2) { table.remove(2) }
            #expect(try await users.find(2) == nil)
            #expect(try await users.list("p1") { table.all() }.count == 2)
        }
    }

    @Test func `a write that throws leaves nothing cached of what it may have changed`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let users = repository(cache, table)
            _ = try await users.find(1)
            _ = try await users.list("p1") { table.all() }
            await #expect(throws: Failure.self) {
                try await users.update(1) {
                    _ = table.save(User(id: 1, name: "Eve"))
                    throw Failure()
                }
            }
            #expect(try await users.find(1)?.name == "Eve")
            #expect(try await users.list("p1") { table.all() }.first?.name == "Eve")
        }
    }

    @Test func `what others changed is dropped by id or as a whole`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"), User(id: 2, name: "Grace"))
            for strategy in [InvalidationStrategy.onWrite, .ttlOnly] {
                let users = CachedRepository<Int, User>(
                    Invalidator(cache, strategy: strategy), entity: "user"
                ) { table.find($0) }
                _ = (try await users.find(1), try await users.find(2), try await users.list("p1") { table.all() })
                let queries = table.queries
                try await users.invalidate(1)
                _ = (try await users.find(1), try await users.find(2))
                #expect(table.queries == queries + 1)
                try await users.invalidateAll()
                _ = (try await users.find(1), try await users.find(2), try await users.list("p1") { table.all() })
                #expect(table.queries == queries + 4)
            }
        }
    }

    @Test func `Redis being away fails no call, and the entry ends when it is back`() async throws {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { server, redis in
            let cache = RedisCache(redis, prefix: "app").with { $0.timeout = .milliseconds(200) }
            let table = UserTable(User(id: 1, name: "Ada"))
            let users = repository(cache, table)
            _ = try await users.find(1)
            await server.kill()
            #expect(try await users.find(1)?.name == "Ada")
            try await users.update(1) { table.save(User(id: 1, name: "Eve")) }
            #expect(users.invalidator.pending > 0)
            #expect(try await users.find(1)?.name == "Eve")
            try await server.start()
            try await eventually("dropped", within: .seconds(60)) { users.invalidator.pending == 0 }
            try await eventually("nothing old") { try await users.find(1)?.name == "Eve" }
        }
    }

    @Test func `many writers and readers in two processes leave what the source has, or nothing`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let table = UserTable(User(id: 1, name: "0"))
                let both = [redis, second].map { repository(RedisCache($0, prefix: "app", options: .unhurried), table) }
                for round in 0..<20 {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for number in 0..<6 {
                            let users = both[number % 2]
                            group.addTask {
                                if number < 3 {
                                    let user = User(id: 1, name: "\(round)-\(number)")
                                    try await users.update(1) {
                                        await Task.yield()
                                        return table.save(user)
                                    }
                                } else {
                                    _ = try await users.find(1)
                                }
                            }
                        }
                        try await group.waitForAll()
                    }
                    let cached: User? = try await RedisCache(redis, prefix: "app", options: .unhurried).get("user:1")
                    #expect(cached == nil || cached == table.find(1), "round \(round)")
                }
            }
        }
    }

    @Test func `with onEvent the writer's own value stays and lists end by the event`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let invalidator = Invalidator(
                cache, strategy: .onEvent(channel: "changes"), options: .init(startsClean: false))
            let users = CachedRepository<Int, User>(invalidator, entity: "user") { table.find($0) }
            let running = Task { try await invalidator.run() }
            try await eventually("it listens") { try server("PUBSUB", "NUMSUB", "changes").array?.last?.int == 1 }
            _ = try await users.list("p1") { table.all() }
            try await users.update(1) { table.save(User(id: 1, name: "Eve")) }
            try await eventually("applied") { try await users.list("p1") { table.all() }.first?.name == "Eve" }
            let queries = table.queries
            #expect(try await users.find(1)?.name == "Eve")
            #expect(table.queries == queries)
            running.cancel()
            _ = await running.result
        }
    }
}

@Suite struct CachedTests {
    private struct Service: Sendable {
        @Cached<Int, String> var name: @Sendable (Int) async throws -> String
        @Cached<Int, User?> var user: @Sendable (Int) async throws -> User?

        init(_ cache: RedisCache, _ table: UserTable, ttl: String = "30m") {
            _name = Cached(
                wrappedValue: { table.find($0)?.name ?? "nobody" }, cache, key: { "name:\($0)" }, ttl: ttl,
                tags: { ["user:\($0)"] })
            _user = Cached(wrappedValue: { table.find($0) }, cache, key: { "user:\($0)" })
        }
    }

    @Test func `a function runs once for an argument, until its result is invalidated`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let service = Service(cache, table)
            #expect(try await service.name(1) == "Ada")
            #expect(try await service.name(1) == "Ada")
            #expect(table.queries == 1)
            #expect(try #require(try server("PTTL", "app:name:1").int) <= 1_800_000)
            _ = table.save(User(id: 1, name: "Eve"))
            try await cache.invalidate(tags: "user:1")
            #expect(try await service.name(1) == "Eve")
            #expect(try await service.$name.invalidate(1))
            _ = try await service.name(1)
            #expect(table.queries == 3)
        }
    }

    @Test func `the declared form compiles as 002 writes it`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            @Cached(cache, key: { "user:\($0)" }, ttl: "30m")
            var user: @Sendable (String) async throws -> User? = { id in table.find(Int(id) ?? 0) }
            let first = try await user("1")
            let second = try await user("1")
            #expect(first?.name == "Ada" && second == first)
            #expect(table.queries == 1)
        }
    }

    @Test func `that there is nothing is kept as long as the cache says for that`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable()
            let service = Service(cache, table)
            let both = [try await service.user(1), try await service.user(1)]
            #expect(both == [nil, nil])
            #expect(table.queries == 1)
            #expect(try #require(try server("PTTL", "app:user:1").int) <= 30_000)
        }
    }

    @Test func `that there is nothing is not served for longer when the source fails`() async throws {
        try await withRedis { server, redis in
            for negative in [Duration.seconds(30), nil] {
                let options = CacheOptions(
                    timeout: .seconds(60), remember: RememberOptions(negativeTTL: negative, failSafe: .init()))
                let cache = RedisCache(redis, prefix: "app", options: options)
                let service = Service(cache, UserTable())
                let user = try await service.user(1)
                #expect(user == nil)
                #expect(try server.left("app:user:1") <= 30_000)
                // What is there is kept: two options, two meanings.
                #expect(try await service.name(1) == "nobody")
                #expect(try server.left("app:name:1") > 86_400_000)
                try await cache.delete("user:1", "name:1")
            }
        }
    }

    @Test func `a time to live that is none is told by every call`() async throws {
        try await withRedis { _, redis in
            let service = Service(RedisCache(redis, prefix: "app"), UserTable(), ttl: "half an hour")
            await expectError(.invalidArgument) { try await service.name(1) }
        }
    }
}
