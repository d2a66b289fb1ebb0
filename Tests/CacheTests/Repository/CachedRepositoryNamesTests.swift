import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Any id and any life: what they are called in the cache, and when they end there.
@Suite struct CachedRepositoryNamesTests {
    @Test func `no id reaches a list, whatever it is, and each id has its own object`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let users = CachedRepository<String, [User]>(cache, entity: "user") { id in
                [User(id: 0, name: id)]
            }
            #expect(try await users.list("p1") { table.all() }.first?.name == "Ada")
            for id in ["list:p1", "list", "list:", "a:b", "a%3Ab", "caf\u{E9}", "cafe\u{301}"] {
                let found = try await users.find(id)
                #expect(Array((found?.first?.name ?? "").utf8) == Array(id.utf8))
                #expect(try await users.find(id) == found)
            }
            // Nor does an entity's name reach into another entity.
            let other = CachedRepository<String, Int>(cache, entity: "user:list") { _ in 5 }
            #expect(try await other.find("p1") == 5)
            #expect(try await users.list("p1") { [User]() }.count == 1)
            #expect(try server("EXISTS", "app:user:list:p1") == 1)
        }
    }

    @Test func `an object whose id can be no name ends the lists all the same`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let users = CachedRepository<String, User>(cache, entity: "user") { _ in nil }
            for (number, id) in ["", String(repeating: "7", count: 300)].enumerated() {
                let before = try await users.list("p1") { table.all() }.count
                try await users.create { (id, table.save(User(id: number + 2, name: "Eve"))) }
                #expect(try await users.list("p1") { table.all() }.count == before + 1)
            }
        }
    }

    @Test func `a cache whose values have no end has repositories, whose objects end with what tags remember`()
        async throws
    {
        try await withRedis { server, redis in
            let options = CacheOptions(
                defaultTTL: .never, timeout: .seconds(60), longestTagLife: .seconds(600),
                remember: RememberOptions(jitter: 0))
            let table = UserTable(User(id: 1, name: "Ada"))
            for ttl in [CacheTTL.default, .after(.seconds(1_000))] {
                let users = CachedRepository<Int, User>(
                    RedisCache(redis, prefix: "app", options: options), entity: "user", ttl: ttl
                ) { table.find($0) }
                _ = try await users.find(1)
                let found = try server.left("app:user:1")
                #expect(found > 0 && found <= 600_000)
                try await users.update(1) { table.save(User(id: 1, name: "Eve")) }
                let written = try server.left("app:user:1")
                #expect(written > 0 && written <= 600_000)
                #expect(try await users.find(1)?.name == "Eve")
                try await users.invalidate(1)
            }
        }
    }
}
