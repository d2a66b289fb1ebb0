import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T8: the flaws of the requirement documents on this surface, one test each.
@Suite struct InvalidationSeedTests {
    @Test func `000: update-then-delete races a fill: a load that saw the old row does not land`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let table = UserTable(User(id: 1, name: "old"))
                let caches = [redis, second].map { RedisCache($0, prefix: "app", options: .unhurriedLoads) }
                let here = CachedRepository<Int, User>(caches[0], entity: "user") { table.find($0) }
                let read = TestSignal()
                let written = TestSignal()
                let there = CachedRepository<Int, User>(caches[1], entity: "user") { id in
                    let user = table.find(id)
                    read.fire()
                    try await written.wait(within: .seconds(60))
                    return user
                }
                let reader = Task { try await there.find(1) }
                try await read.wait()
                try await here.update(1) { table.save(User(id: 1, name: "new")) }
                written.fire()
                _ = try await reader.value
                #expect(try await here.find(1)?.name == "new")
                #expect(try await there.find(1)?.name == "new")
            }
        }
    }

    @Test func `000: the same with delete by key after the update`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            let table = UserTable(User(id: 1, name: "old"))
            let changed = Mutex(false)
            _ = try await cache.remember("user:1") { () async throws -> User? in
                let user = table.find(1)
                if changed.withLock({ was in
                    defer { was = true }; return !was
                }) {
                    _ = table.save(User(id: 1, name: "new"))
                    try await invalidator.afterUpdate("user", id: "1")
                }
                return user
            }
            let cached: User? = try await cache.get("user:1")
            #expect(cached == nil || cached?.name == "new")
        }
    }

    @Test func `003: afterUpdate scans the keyspace: it costs the same with 5,000 keys, and looks at none`()
        async throws
    {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            try await invalidator.afterUpdate("user", id: "warm")
            func cost() async throws -> Int {
                let before = try server.calls(of: "evalsha")
                try await invalidator.afterUpdate("user", id: "7")
                return try server.calls(of: "evalsha") - before
            }
            let small = try await cost()
            let lists = Dictionary(uniqueKeysWithValues: (0..<5_000).map { ("user:list:p\($0)", $0) })
            try await cache.setMany(lists, tags: ["user:list"])
            #expect(try await cost() == small)
            #expect(small == 2)
            #expect(try await cache.getMany(lists.keys, as: Int.self).isEmpty)
            #expect(try server.calls(of: "scan") == 0)
            #expect(try server.calls(of: "keys") == 0)
        }
    }

    @Test func `003: onEvent behaves like onWrite: here the writer only publishes`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache, strategy: .onEvent(channel: "changes"))
            let subscription = try await redis.subscribe(channels: ["changes"])
            try await cache.set("user:7", 1)
            try await invalidator.afterUpdate("user", id: "7")
            #expect(try await cache.get("user:7", as: Int.self) == 1)
            guard case .message(let message) = await subscription.makeAsyncIterator().next() else {
                Issue.record("nothing was published")
                return
            }
            #expect(
                InvalidationEvent.read(message.payload)
                    == .event(.init(entity: "user", id: "7", change: .updated)))
            await subscription.cancel()
        }
    }

    @Test func `003: invalidateAll leaves users_list: here nothing of the entity is left`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let table = UserTable(User(id: 1, name: "Ada"))
            let users = CachedRepository<Int, User>(cache, entity: "user") { table.find($0) }
            _ = try await users.find(1)
            _ = try await users.list("all") { table.all() }
            let queries = table.queries
            try await users.invalidateAll()
            _ = try await users.find(1)
            _ = try await users.list("all") { table.all() }
            #expect(table.queries == queries + 2)
        }
    }

    @Test func `003: CacheTagKey is named but never used: here it is where the tag's stamp is`() async throws {
        try await withRedis { server, redis in
            let name = try KeyBuilder(prefix: "app").cacheTag("user:7")
            #expect(try server("EXISTS", name) == 0)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.namespace("users").invalidate(tags: "user:7")
            #expect(try server("EXISTS", name) == 1)
        }
    }

    @Test func `tags as sets of members leak: here a tag is one key that ends, whatever it had`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for number in 0..<200 { try await cache.set("k\(number)", 1, ttl: .after(.seconds(600)), tags: ["t"]) }
            #expect(try server("DBSIZE") == 200, "none for the tag")
            try await cache.invalidate(tags: "t")
            #expect(try server("DBSIZE") == 201)
            #expect(try #require(try server("PTTL", "{app}:tag:t").int) > 0)
        }
    }

    @Test func `002: cached() cannot cache nil and stampedes: here it does, and one loads`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let table = UserTable()
                let caches = [redis, second].map { RedisCache($0, prefix: "app", options: .unhurriedLoads) }
                let both = caches.map { cache in
                    Cached<Int, User?>(
                        wrappedValue: { id in
                            await Task.yield()
                            return table.find(id)
                        }, cache, key: { "user:\($0)" }, ttl: "30m")
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<50 {
                        let function = both[number % 2].wrappedValue
                        group.addTask {
                            let user = try await function(1)
                            #expect(user == nil)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(table.queries == 1)
            }
        }
    }

    @Test func `000: a process that dies between the update and the deletion leaves nothing old`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("user:1", 1)
            let entry = try cache.redisKey("user:1")
            // What a process that dies there has sent.
            let _: Int64 = try await redis.evaluate(
                WriteScripts.begin,
                keys: [entry, CacheKeys.lease(of: entry), CacheKeys.writers(of: entry)], arguments: ["dead", 50])
            #expect(try await cache.get("user:1", as: Int.self) == nil)
            let loaded = try await cache.remember("user:1") { () async throws -> Int in 2 }
            #expect(loaded == 2)
            try await eventually("the lease has lapsed") { try server("EXISTS", "{app:user:1}:writers") == 0 }
            #expect(try await cache.get("user:1") == 2)
        }
    }
}
