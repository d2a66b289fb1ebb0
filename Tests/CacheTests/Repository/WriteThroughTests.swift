import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

@Suite struct WriteThroughTests {
    private struct Failure: Error {}

    @Test func `what was written is cached, in two round trips, and nothing else is left`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("user:1", User(id: 1, name: "old"))
            _ = try await cache.writeThrough("user:1") { User(id: 1, name: "warm") }
            let before = try server.calls(of: "evalsha")
            let (value, outcome) = try await cache.writeThrough("user:1", ttl: .after(.seconds(600)), tags: ["user"]) {
                let meanwhile: User? = try await cache.get("user:1")
                #expect(meanwhile == nil, "nobody reads the old one meanwhile")
                return User(id: 1, name: "new")
            }
            #expect(value?.name == "new" && outcome == .stored)
            #expect(try server.calls(of: "evalsha") == before + 2)
            #expect(try await cache.get("user:1") == User(id: 1, name: "new"))
            #expect(try server("KEYS", "*").strings == ["app:user:1"])
            #expect(try #require(try server("PTTL", "app:user:1").int) <= 600_000)
            try await cache.invalidate(tags: "user")
            #expect(try await cache.get("user:1", as: User.self) == nil)
        }
    }

    @Test func `what was written lives as a remembered value: refreshed early, kept in case loads fail, cut for tags`()
        async throws
    {
        try await withRedis { server, redis in
            let terms = RememberOptions(jitter: 0, early: .off, failSafe: .init(maxStale: .seconds(86_400)))
            let cache = RedisCache(
                redis, prefix: "app", options: CacheOptions(timeout: .seconds(60), remember: terms))
            _ = try await cache.writeThrough("a", ttl: .after(.seconds(1_000))) { 1 }
            let left = try server.left("app:a")
            #expect(left > 86_400_000 && left <= 87_400_000)
            #expect(try await cache.get("a") == 1)
            let early = cache.with { $0.remember = RememberOptions(jitter: 0, early: .threshold(0.5)) }
            _ = try await early.writeThrough("b", ttl: .after(.seconds(1_000))) { 1 }
            let bytes = try await redis.get("app:b", as: Data.self)
            let freshness = try #require(bytes.flatMap { StoredEntry($0) }?.envelope?.freshness)
            #expect(freshness.freshFor >= 1_000_000_000)
            let tagged = cache.with { $0.longestTagLife = .seconds(600) }
            #expect(try await tagged.writeThrough("c", ttl: .never, tags: ["t"]) { 1 }.outcome == .stored)
            let cut = try server.left("app:c")
            #expect(cut > 0 && cut <= 600_000)
        }
    }

    @Test func `a change that throws leaves no entry and no lease`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("user:1", 1)
            await #expect(throws: Failure.self) {
                try await cache.writeThrough("user:1") { () async throws -> Int? in throw Failure() }
            }
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `a change that leaves nothing deletes the entry`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("user:1", 1)
            #expect(try await cache.writeThrough("user:1") { Int?.none }.outcome == .dropped)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `a load that began before a write does not land after it`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let loaded = try await cache.remember("a") { () async throws -> Int in
                _ = try await cache.writeThrough("a") { 2 }
                return 1
            }
            #expect(loaded == 1)
            #expect(try await cache.get("a") == 2)
        }
    }

    @Test func `a load during a write is not cached`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let terms = RememberOptions(acrossProcesses: false)
            _ = try await cache.writeThrough("a") {
                let old = try await cache.remember("a", options: terms) { () async throws -> Int in 1 }
                #expect(old == 1)
                let meanwhile: Int? = try await cache.get("a")
                #expect(meanwhile == nil)
                return 2
            }
            #expect(try await cache.get("a") == 2)
        }
    }

    @Test func `an invalidation of the tag during a write ends what the write stores`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            _ = try await cache.writeThrough("a", tags: ["t"]) {
                try await cache.invalidate(tags: "t")
                return 2
            }
            #expect(try await cache.get("a", as: Int.self) == nil)
        }
    }

    @Test func `a cancelled caller's write is finished`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let begun = TestSignal()
            let task = Task {
                try await cache.writeThrough("a") {
                    begun.fire()
                    try? await TestSignal("never").wait(within: .seconds(60))
                    return 2
                }
            }
            try await begun.wait(within: .seconds(60))
            task.cancel()
            #expect(try await task.value.outcome == .stored)
            #expect(try await cache.get("a") == 2)
            #expect(try server("DBSIZE") == 1)
        }
    }

    @Test func `lost replies have one effect`() async throws {
        try await withRedis { server, _ in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { client in
                    let cache = RedisCache(client, prefix: "app", options: .unhurried)
                    _ = try await cache.writeThrough("warm") { 0 }
                    for script in [WriteScripts.begin, WriteScripts.finish] {
                        proxy.set(.cutBeforeReply(match: script.sha))
                        let (_, outcome) = try await cache.writeThrough("a", tags: ["t"]) { 2 }
                        #expect(outcome == .stored, "\(script.name)")
                        #expect(try await cache.get("a", as: Int.self) == 2)
                        #expect(try server("EXISTS", "{app:a}:fill", "{app:a}:writers") == 0)
                    }
                    proxy.set(.cutBeforeReply(match: TagScripts.stamp.sha))
                    try await cache.invalidate(tags: "t")
                    proxy.set(.cutBeforeReply(match: TagScripts.stamp.sha))
                    try await cache.invalidate(tags: "t")
                    #expect(try await cache.get("a", as: Int.self) == nil)
                    proxy.set(.cutBeforeReply(match: TagScripts.reap.sha))
                    _ = try await cache.reap()
                    #expect(try server("EXISTS", "app:a") == 0)
                }
            }
        }
    }

    @Test func `Redis being away does not stop the change, and is told`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app").with { $0.timeout = .milliseconds(300) }
            await server.kill()
            let (value, outcome) = try await cache.writeThrough("a") { 2 }
            #expect(value == 2 && outcome == .unknown)
            try await server.start()
        }
    }

    @Test func `a value that cannot be stored is written to its source all the same`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.maxValueBytes = 10 }
            let (value, outcome) = try await cache.writeThrough("a") { "longer than that" }
            #expect(value != nil && outcome == .dropped)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `who waits for the entry is woken when the write ends`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let entry = try cache.redisKey("a")
            let channel = CacheKeys.lease(of: entry).name + cache.keys.wakeSuffix
            let subscription = try await redis.subscribe(channels: [channel])
            _ = try await cache.writeThrough("a") { 1 }
            let events = subscription.makeAsyncIterator()
            let first = await events.next()
            guard case .message = first else {
                Issue.record("no message but \(String(describing: first))")
                return
            }
            await subscription.cancel()
        }
    }

    @Test func `a lease out of range is refused before the change`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let changed = Mutex(false)
            await expectError(.invalidArgument) {
                try await cache.writeThrough("a", lease: .zero) {
                    changed.withLock { $0 = true }
                    return 1
                }
            }
            #expect(!changed.withLock { $0 })
        }
    }

    @Test func `who is cancelled before the change began leaves no lease and changes nothing`() async throws {
        try await withRedis { server, redis in
            // Both scripts are known to the server.
            _ = try await RedisCache(redis, prefix: "app", options: .unhurried).writeThrough("warm") { Int?.none }
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                // A link without replies lives until the test cuts it.
                configuration.heartbeat = .seconds(60)
                try await withClient(configuration) { client in
                    let cache = RedisCache(client, prefix: "app", options: .unhurried)
                    _ = try await cache.get("a", as: Int.self)
                    proxy.set(.loseReplies)
                    let task = Task {
                        try await cache.writeThrough("a") { () async throws -> Int? in
                            Issue.record("the change was made")
                            return 1
                        }
                    }
                    try await eventually("the lease is taken") { try server("EXISTS", "{app:a}:fill") == 1 }
                    task.cancel()
                    try await eventually("the lease is given back") { try server("DBSIZE") == 0 }
                    // That reply is lost too. Nobody has to wait for it until the call's time-out: the link ends.
                    proxy.set(.pass)
                    proxy.cut()
                    await #expect(throws: CancellationError.self) { _ = try await task.value }
                    let size = try server("DBSIZE")
                    #expect(size == 0)
                }
            }
        }
    }
}
