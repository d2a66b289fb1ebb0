import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

@Suite struct IndexedCacheTests {
    @Test func `an item is found by its key and by each of its indexes`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "confirmation", options: .unhurried)
            let action = User(id: 1, name: "create issue")
            try await cache.set("action_1", action, indexes: ["user": "alice", "session": "s1"])
            #expect(try await cache.get("action_1") == action)
            #expect(try await cache.exists("action_1"))
            #expect(try await cache.allByIndex("user", "alice", as: User.self) == ["action_1": action])
            #expect(try await cache.allKeysByIndex("session", "s1") == ["action_1"])
            #expect(try await cache.allKeysByIndex("session", "alice") == [])
            #expect(try await cache.get("action_2", as: User.self) == nil)
            #expect(try await !cache.exists("action_2"))
        }
    }

    @Test func `raw bytes come back without decoding, also of compressed values`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("a", ["name": "Ada"], indexes: ["user": "alice"])
            #expect(try await cache.getRaw("a") == Data(#"{"name":"Ada"}"#.utf8))
            #expect(try await cache.getRaw("b") == nil)
            let long = String(repeating: "x", count: 100_000)
            try await cache.set("long", long, indexes: ["user": "alice"])
            #expect(try await cache.get("long") == long)
            #expect(try await cache.getRaw("long") == Data(long.utf8))
            #expect(try server("STRLEN", "signalbox:indexed:{n}:item:long").int ?? .max < 1_000)
        }
    }

    @Test func `all of an item's keys lie in its namespace's slot`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "my{fea}ture", options: .unhurried, expiry: .values())
            try await cache.set("a:b", 1, indexes: ["user:name": "alice:1"])
            #expect(
                try server("KEYS", "*").strings.sorted() == [
                    "signalbox:indexed:{my%7Bfea%7Dture}:due",
                    "signalbox:indexed:{my%7Bfea%7Dture}:index:user%3Aname:alice%3A1",
                    "signalbox:indexed:{my%7Bfea%7Dture}:item:a:b", "signalbox:indexed:{my%7Bfea%7Dture}:kept:a:b",
                ])
        }
    }

    @Test func `an index is read page by page, and nothing is missed`() async throws {
        try await withRedis { _, redis in
            let options = CacheOptions(timeout: .seconds(20))
            let cache = IndexedCache(redis, namespace: "n", options: options)
            let values = Dictionary(uniqueKeysWithValues: (0..<1_000).map { ("k\($0)", $0) })
            try await cache.setMany(values) { _, value in ["half": value.isMultiple(of: 2) ? "even" : "odd"] }
            var seen: [String: Int] = [:]
            var cursor: IndexCursor?
            var pages = 0
            repeat {
                let page = try await cache.getByIndex("half", "even", as: Int.self, after: cursor, limit: 50)
                for item in page.items { seen[item.key] = item.value }
                cursor = page.next
                pages += 1
            } while cursor != nil
            #expect(seen == values.filter { $0.value.isMultiple(of: 2) })
            #expect(pages > 5)
            let one = try await cache.getByIndex("half", "odd", as: Int.self, limit: 1_000)
            #expect(one.items.count == 500 && one.next == nil)
            #expect(try await cache.allKeysByIndex("half", "even") == Set(seen.keys))
        }
    }

    @Test func `many are set, read and deleted in one round trip each`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.set("warm", 0)
            try await cache.delete("warm")
            try server("CONFIG", "RESETSTAT")
            try await cache.setMany(["a": 1, "b": 2, "c": 3]) { key, _ in ["key": key] }
            #expect(try await cache.getMany(["a", "b", "d"], as: Int.self) == ["a": 1, "b": 2])
            #expect(try server.calls(of: "mget") == 1)
            #expect(try server.calls(of: "evalsha") == 3)
            #expect(try await cache.deleteMany(["a", "b", "d"]) == 2)
            #expect(try await cache.allKeysByIndex("key", "c") == ["c"])
            #expect(try await cache.allKeysByIndex("key", "a") == [])
            try await cache.setMany([String: Int]())
            #expect(try await cache.getMany([], as: Int.self) == [:])
            #expect(try await cache.deleteMany([]) == 0)
        }
    }

    @Test func `a time to live is missing, endless or what is left, and can be changed`() async throws {
        try await withRedis(.init(immortalKeyPrefixes: ["signalbox:indexed:{n}"])) { server, redis in
            let cache = IndexedCache(redis, namespace: "n", defaultTTL: .after(.seconds(100)), options: .unhurried)
            #expect(try await cache.getTTL("a") == .missing)
            #expect(try await cache.setTTL("a", .after(.seconds(5))) == false)
            try await cache.set("a", 1, indexes: ["user": "alice"])
            guard case .remaining(let left) = try await cache.getTTL("a") else {
                Issue.record("there is a default")
                return
            }
            #expect(left > .seconds(50) && left <= .seconds(100))
            let index = "signalbox:indexed:{n}:index:user:alice"
            #expect(try await cache.setTTL("a", .never))
            #expect(try await cache.getTTL("a") == .never)
            #expect(try server("PTTL", index) == -1)
            #expect(try await cache.setTTL("a", .after(.seconds(5_000))))
            #expect(try server("PTTL", index).int ?? 0 > 4_000_000)
            #expect(try await cache.setTTL("a", .default))
            #expect(try server("PTTL", index).int ?? .max <= 100_001)
            await expectError(.invalidArgument) { try await cache.setTTL("a", .after(.zero)) }
        }
    }

    @Test func `a counter counts in 64 bits, and lives from its first count`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(
                redis, namespace: "rate_limit", defaultTTL: .after(.seconds(60)), options: .unhurried)
            #expect(try await cache.increment("api:7") == 1)
            #expect(try await cache.increment("api:7", by: 9_007_199_254_740_992) == 9_007_199_254_740_993)
            #expect(try await cache.increment("api:7", by: -9_007_199_254_740_993, ttl: .never) == 0)
            #expect(try await cache.get("api:7") == Int64(0))
            let left = try server("PTTL", "signalbox:indexed:{rate_limit}:item:api:7").int ?? 0
            #expect(left > 30_000 && left <= 60_000)
            try await cache.set("text", "seven")
            await expectError(.wrongType) { try await cache.increment("text") }
            try await cache.increment("api:8", by: .max)
            await expectError(.wrongType) { try await cache.increment("api:8") }
            #expect(try await cache.get("api:8") == Int64.max)
            #expect(try await cache.delete("api:7"))
        }
    }

    @Test func `clearing takes items, counters and indexes of the namespace, and nothing else`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(timeout: .seconds(20))
            let cache = IndexedCache(redis, namespace: "n", options: options, expiry: .values())
            let other = IndexedCache(redis, namespace: "n2", options: .unhurried)
            try await other.set("k0", 1, indexes: ["user": "alice"])
            let values = Dictionary(uniqueKeysWithValues: (0..<1_500).map { ("k\($0)", $0) })
            try await cache.setMany(values) { _, value in ["user": "u\(value % 7)", "all": "all"] }
            try await cache.increment("counter")
            // A member whose item was evicted, so that no deletion takes it out.
            try server("DEL", "signalbox:indexed:{n}:item:k3")
            #expect(try await cache.clearNamespace() == 1_500)
            // What was evicted is still told when its time is over.
            #expect(
                try server("KEYS", "*").strings.sorted() == [
                    "signalbox:indexed:{n2}:index:user:alice", "signalbox:indexed:{n2}:item:k0",
                    "signalbox:indexed:{n}:due", "signalbox:indexed:{n}:kept:k3",
                ])
            #expect(try server("ZRANGE", "signalbox:indexed:{n}:due", "0", "-1").strings == ["k3"])
            #expect(try await cache.clearNamespace() == 0)
            #expect(try await other.get("k0") == 1)
        }
    }

    @Test func `the predefined caches have the names and times of the documents`() async throws {
        try await withRedis { server, redis in
            let expected: [(IndexedCache, String, Int)] = [
                (.confirmation(redis), "confirmation", 900), (.signup(redis), "signup", 300),
                (.session(redis), "session", 1_800), (.rateLimit(redis), "rate_limit", 60),
            ]
            for (cache, name, seconds) in expected {
                // It waits for a second, which a server that is held up may need.
                try await eventually("it is set") { (try? await cache.set("a", 1)) != nil }
                let left = try server("PTTL", "signalbox:indexed:{\(name)}:item:a").int ?? 0
                #expect(left > (seconds - 30) * 1_000 && left <= seconds * 1_000, "\(name)")
            }
            #expect(IndexedCache(redis, namespace: "x").options.defaultTTL == .after(.seconds(900)))
        }
    }

    @Test func `an observer hears of every operation and how it ended`() async throws {
        try await withRedis { _, redis in
            let heard = Mutex<[String]>([])
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried) { operation in
                heard.withLock { $0.append("\(operation.namespace) \(operation.name) \(operation.outcome)") }
            }
            try await cache.set("a", 1)
            _ = try await cache.get("a", as: Int.self)
            _ = try await cache.get("b", as: Int.self)
            await expectError(.undecodable) { try await cache.get("a", as: String.self) }
            #expect(
                heard.withLock { $0 } == [
                    "n set done", "n get hit", "n get miss",
                    "n get failed(Optional(Cache.CacheError.Code.undecodable))",
                ])
        }
    }

    @Test func `what cannot work is refused, and nothing is sent`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            let long = String(repeating: "x", count: 1_025)
            for key in ["", long] { await expectError(.invalidArgument) { try await cache.set(key, 1) } }
            for indexes in [["": "a"], ["a": ""], ["a": long], [long: "a"]] {
                await expectError(.invalidArgument) { try await cache.set("a", 1, indexes: indexes) }
            }
            let many = Dictionary(uniqueKeysWithValues: (0..<17).map { ("i\($0)", "v") })
            await expectError(.invalidArgument) { try await cache.set("a", 1, indexes: many) }
            await expectError(.invalidArgument) { try await cache.getKeysByIndex("a", "b", limit: 0) }
            await expectError(.invalidArgument) { try await IndexedCache(redis, namespace: "").get("a", as: Int.self) }
            await expectError(.tooLarge) { try await cache.set("a", String(repeating: "x", count: 2 << 20)) }
            for retention in [Duration.zero, .milliseconds(999), .seconds(11 * 366 * 86_400)] {
                let wrong = IndexedCache(
                    redis, namespace: "n", options: .unhurried, expiry: .keys(retention: retention))
                let error = await expectError(.invalidArgument) { try await wrong.set("a", 1) }
                #expect(error?.message.contains("between 1 s and ten years") == true)
            }
            let size = try server("DBSIZE")
            #expect(size == 0)
        }
    }

    @Test func `with Redis down, reads of items miss, and writes and lists tell`() async throws {
        try await withRedisServer { server in
            try await withClient(server.configuration) { redis in
                var options = CacheOptions()
                options.timeout = .milliseconds(200)
                let cache = IndexedCache(redis, namespace: "n", options: options)
                options.failure = .closed
                let closed = IndexedCache(redis, namespace: "n", options: options)
                let unhurried = IndexedCache(redis, namespace: "n", options: .unhurried)
                try await unhurried.set("a", 1, indexes: ["user": "alice"])
                await server.kill()
                #expect(try await cache.get("a", as: Int.self) == nil)
                #expect(try await cache.getRaw("a") == nil)
                #expect(try await cache.getMany(["a"], as: Int.self) == [:])
                #expect(try await !cache.exists("a"))
                await expectError(.unavailable) { try await closed.get("a", as: Int.self) }
                await expectError(.unavailable) { try await cache.set("a", 2) }
                await expectError(.unavailable) { try await cache.delete("a") }
                await expectError(.unavailable) { try await cache.getKeysByIndex("user", "alice") }
                await expectError(.unavailable) { try await cache.getTTL("a") }
            }
        }
    }

    @Test func `a damaged item is told, and does not hide the others of its index`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await cache.setMany(["a": 1, "b": 2, "c": 3]) { _, _ in ["user": "alice"] }
            try await cache.set("d", "text", indexes: ["user": "alice"])
            // Cut within the payload's header.
            let item = "signalbox:indexed:{n}:item:b"
            let bytes = try server("STRLEN", item).int ?? 0
            let script = "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, ARGV[1]), 'KEEPTTL')"
            try server("EVAL", script, "1", item, "\(bytes - 5)")
            await expectError(.undecodable) { try await cache.get("b", as: Int.self) }
            let page = try await cache.getByIndex("user", "alice", as: Int.self)
            #expect(page.items.map(\.key).sorted() == ["a", "c"])
            #expect(page.undecodable.sorted() == ["b", "d"])
            await expectError(.undecodable) { try await cache.allByIndex("user", "alice", as: Int.self) }
            for length in 1..<12 {
                try server(
                    "EVAL", "redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, ARGV[1]), 'KEEPTTL')",
                    "1", "signalbox:indexed:{n}:item:a", "\(12 - length)")
                await expectError(.undecodable) { try await cache.get("a", as: Int.self) }
            }
            try await cache.set("a", 4)
            #expect(try await cache.get("a") == 4)
        }
    }

    @Test func `items of another schema count as missing`() async throws {
        try await withRedis { _, redis in
            let old = IndexedCache(redis, namespace: "n", options: .unhurried)
            try await old.set("a", ["x": 1], indexes: ["user": "alice"])
            let new = IndexedCache(redis, namespace: "n", options: CacheOptions(schema: 1, timeout: .seconds(60)))
            #expect(try await new.get("a", as: [String: Int].self) == nil)
            #expect(try await new.update("a", ["x": 2]) == false)
            #expect(try await new.getByIndex("user", "alice", as: [String: Int].self).items.isEmpty)
            #expect(try await old.get("a") == ["x": 1])
        }
    }
}
