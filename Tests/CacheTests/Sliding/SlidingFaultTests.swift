import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T4, T10, and servers that do not take a renewal.
@Suite struct SlidingFaultTests {
    @Test(arguments: [true, false])
    func `a read whose command or reply is lost is repeated`(executed: Bool) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load([SlidingScripts.read])
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .slides)
                    try await cache.setMany(["a": 1, "b": 2])
                    let reads: [() async throws -> Bool] = [
                        { try await cache.get("a", as: Int.self) == 1 },
                        { try await cache.getMany(["a", "b"], as: Int.self) == ["a": 1, "b": 2] },
                        { try await cache.remember("a") { 3 } == 1 },
                    ]
                    for (number, read) in reads.enumerated() {
                        try server.age(["app:a", "app:b"], minutes: 60)
                        let sha = SlidingScripts.read.sha
                        proxy.set(executed ? .cutBeforeReply(match: sha) : .cutBeforeSend(match: sha))
                        #expect(try await read())
                        #expect(proxy.faultDone.count == number + 1)
                        #expect(try server.minutes("app:a") == 150)
                    }
                }
            }
        }
    }

    @Test func `a server that lost its scripts gets the source`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("a", 1)
            for _ in 0..<2 {
                try server.age(["app:a"], minutes: 60)
                try server("SCRIPT", "FLUSH")
                #expect(try await cache.get("a", as: Int.self) == 1)
                #expect(try server.minutes("app:a") == 150)
            }
        }
    }

    @Test func `a replica and a server without memory answer, and renew when they can`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides).with { $0.failure = .closed }
            try await cache.set("a", 1)
            try server.age(["app:a"], minutes: 60)
            try server("REPLICAOF", "127.0.0.1", "1")
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try await cache.getMany(["a"], as: Int.self) == ["a": 1])
            #expect(try await cache.remember("a") { 2 } == 1)
            #expect(try server.minutes("app:a") == 90)
            #expect(!cache.engine.isOpen)
            try server("REPLICAOF", "NO", "ONE")
            try server("CONFIG", "SET", "maxmemory", "1")
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 150, "moving an end takes no memory")
            try server("CONFIG", "SET", "maxmemory", "0")
        }
    }

    @Test func `a server that cannot save, or lacks replicas, answers`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides).with { $0.failure = .closed }
            try await cache.set("a", 1)
            try server.age(["app:a"], minutes: 60)
            try server("CONFIG", "SET", "min-replicas-to-write", "1")
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 90)
            try server("CONFIG", "SET", "min-replicas-to-write", "0")
            #expect(try await cache.get("a", as: Int.self) == 1)
            #expect(try server.minutes("app:a") == 150)
        }
    }

    @Test(arguments: ["+@all -@scripting", "+@all -pexpire", "+@all -pexpire -unlink -pttl"])
    func `a user who may not do what it takes reads all the same`(rights: String) async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            try await cache.set("a", 1)
            try await cache.set("t", 2, tags: ["t"])
            try server.age(["app:a"], minutes: 60)
            let user = ["ACL", "SETUSER", "reader", "on", ">secret", "~*", "&*"]
            try server.call(user + rights.split(separator: " ").map(String.init))
            var configuration = server.configuration
            configuration.username = "reader"
            configuration.password = Secret("secret")
            try await withClient(configuration) { other in
                let cache = RedisCache(other, prefix: "app", options: .slides).with { $0.failure = .closed }
                let found: Int? = try await cache.get("a")
                #expect(found == 1)
                #expect(try await cache.getMany(["a", "t"], as: Int.self) == ["a": 1, "t": 2])
                #expect(try server.minutes("app:a") == 90)
                #expect(!cache.engine.isOpen)
            }
        }
    }

    @Test func `an outage is a miss, or told, as for every read`() async throws {
        try await withClient(RedisConfiguration(endpoint: .unix(path: "/nonexistent/redis.sock"))) { redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides).with { $0.timeout = .milliseconds(50) }
            #expect(try await cache.get("a", as: Int.self) == nil)
            #expect(try await cache.getMany(["a"], as: Int.self).isEmpty)
            let loaded = try await cache.remember("a") { 1 }
            #expect(loaded == 1)
            let closed = cache.with { $0.failure = .closed }
            await expectError(.unavailable) { try await closed.get("a", as: Int.self) }
            await expectError(.unavailable) { try await closed.getMany(["a"], as: Int.self) }
        }
    }

    @Test func `a read that comes late renews what is there by its own terms, or nothing`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let plain = cache.with { $0.sliding = nil }
            typealias Change = () async throws -> Void
            // What happens while the read is on its way, what the read then finds, and what the entry's life is.
            let changes: [(String, Change, Int?, Int?)] = [
                ("delete", { try await cache.delete("a") }, nil, nil),
                ("clear", { try await cache.clear() }, nil, 150),
                ("tag", { try await cache.invalidate(tags: "t") }, nil, 150),
                ("set by another", { try await plain.set("a", 2, ttl: .after(.minutes(30))) }, 2, 30),
                ("set for ever", { try await cache.set("a", 3, ttl: .never) }, 3, -1),
                ("set with other terms", { try await cache.set("a", 4, ttl: .after(.minutes(200))) }, 4, 200),
            ]
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { other in
                    let late = RedisCache(other, prefix: "app", options: .slides).with { $0.timeout = .seconds(20) }
                    for (name, change, value, left) in changes {
                        try await cache.set("a", 1, tags: ["t"])
                        try server.age(["app:a"], minutes: 60)
                        _ = try await late.get("warm", as: Int.self)
                        // Held on its way until the change is made.
                        proxy.set(.hold)
                        let before = proxy.commands(containing: "app:a")
                        let read = Task { try await late.get("a", as: Int.self) }
                        try await eventually("the read is on its way") {
                            proxy.commands(containing: "app:a") > before
                        }
                        try await change()
                        proxy.set(.pass)
                        #expect(try await read.value == value, "\(name)")
                        #expect(try server.minutes("app:a") == left, "\(name)")
                    }
                }
            }
        }
    }

    @Test func `readers of an entry that others write and delete never make one, or move another's end`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let plain = cache.with { $0.sliding = nil }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for reader in 0..<4 {
                    group.addTask {
                        for _ in 0..<200 {
                            if reader % 2 == 0 {
                                _ = try await cache.get("a", as: Int.self)
                            } else {
                                _ = try await cache.getMany(["a", "b"], as: Int.self)
                            }
                        }
                    }
                }
                for round in 0..<100 {
                    try await cache.set("a", round)
                    try await plain.set("a", round, ttl: .after(.minutes(30)))
                    // The readers go on: an end that one of them moved would be later than this.
                    #expect(try await plain.exists("a") == 1)
                    #expect(try server.minutes("app:a") == 30)
                    try await cache.delete("a")
                    #expect(try server("EXISTS", "app:a") == 0)
                }
                try await group.waitForAll()
            }
        }
    }

    @Test func `the client's clock has no part in it`() async throws {
        // The estimate of the server's clock is hours off; who reads, writes and renews by the server's is not.
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            for hours in [-20, 20] as [Int64] {
                try await cache.set("a", 1)
                let now = CacheEngine.localTime
                let time = try #require(try server("TIME").array?.first?.int)
                cache.engine.note(serverTime: Int64(time) * 1_000_000 + hours * 3_600_000_000, sentAt: now)
                try server.age(["app:a"], minutes: 60)
                #expect(try await cache.get("a", as: Int.self) == 1)
                #expect(try server.minutes("app:a") == 150)
            }
        }
    }

    @Test func `every key is declared; only reads of many entries span slots`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            func use() async throws {
                try await cache.set("a", 1, tags: ["t"])
                _ = try await cache.get("a", as: Int.self, tags: ["t"])
                _ = try await cache.remember("b", tags: ["t"]) { 2 }
                _ = try await cache.remember("b", tags: ["t"]) { 2 }
                try await cache.touch("a")
                try await cache.persist("a")
                _ = try await cache.compareAndSet("a", expected: 1, new: 2)
                try await cache.invalidate(tags: "t")
                _ = try await cache.get("a", as: Int.self)
            }
            let single = try await ScriptAudit.during(server) { try await use() }
            #expect(single.violations == [])
            #expect(single.shas.contains(SlidingScripts.read.sha) && single.shas.contains(CacheScripts.life.sha))
            let many = try await ScriptAudit.during(server, exceptions: [SlidingScripts.read.sha]) {
                _ = try await cache.getMany(["a", "b", "c"], as: Int.self)
            }
            #expect(many.violations == [])
            #expect(many.keys == ["app:a", "app:b", "app:c"])
            #expect(single.commands.union(many.commands).isDisjoint(with: ["KEYS", "FLUSHDB", "FLUSHALL"]))
            #expect(try server.keysWithoutTTL() == [])
        }
    }
}
