import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct TTLTests {
    @Test func `missing, never and remaining are three answers`() async throws {
        try await withRedis(.init()) { _, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("for ever", 1, ttl: .never)
            try await cache.set("for long", 1, ttl: .after(.seconds(1_000)))
            #expect(try await cache.ttl("none") == .missing)
            #expect(try await cache.ttl("for ever") == .never)
            guard case .remaining(let left) = try await cache.ttl("for long") else {
                Issue.record("no time is left")
                return
            }
            #expect(left > .seconds(900) && left <= .seconds(1_000))
        }
    }

    @Test func `the end can be moved, dated and taken away`() async throws {
        try await withRedis(.init()) { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            try await cache.set("a", 1)
            // Half a second may go by before it is looked at, but not every time.
            try await eventually("it has its milliseconds") {
                #expect(try await cache.expire("a", after: .milliseconds(90_500)))
                return try (90_001...90_500).contains(server("PTTL", "myapp:a").int ?? 0)
            }
            #expect(try await cache.expire("a", at: Date(timeIntervalSinceNow: 500)))
            #expect(try server("PTTL", "myapp:a").int ?? 0 > 400_000)
            #expect(try await cache.persist("a"))
            #expect(try await cache.persist("a") == false)
            #expect(try await cache.touch("a"))
            #expect(try server("PTTL", "myapp:a").int ?? 0 > 3_500_000)
            #expect(try await cache.touch("none") == false)
            #expect(try await cache.expire("none", after: .seconds(1)) == false)
        }
    }

    @Test func `seed 001: an extension by less than a second deleted the key`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            // A test that is held up for those milliseconds looks again.
            try await eventually("it lives on") {
                try await cache.set("a", 1)
                #expect(try await cache.expire("a", after: .milliseconds(900)))
                return try server("EXISTS", "myapp:a").int == 1
            }
            try await cache.set("a", 1)
            await expectError(.invalidArgument) { try await cache.expire("a", after: .microseconds(999)) }
            await expectError(.invalidArgument) { try await cache.expire("a", after: .seconds(-1)) }
            #expect(try server("EXISTS", "myapp:a").int == 1)
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-1), .microseconds(10), .seconds(400_000_000)])
    func `a life that cannot be is refused before anything is sent`(time: Duration) async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "myapp", options: .unhurried)
            await expectError(.invalidArgument) { try await cache.set("a", 1, ttl: .after(time)) }
            await expectError(.invalidArgument) { try await cache.increment("a", ttl: .after(time)) }
            let count = try server("DBSIZE").int
            #expect(count == 0)
        }
    }

    @Test func `a cache whose default is never touches by taking the end away`() async throws {
        try await withRedis(.init()) { _, redis in
            let options = CacheOptions(defaultTTL: .never, timeout: .seconds(60))
            let cache = RedisCache(redis, prefix: "myapp", options: options)
            try await cache.set("a", 1, ttl: .after(.seconds(100)))
            #expect(try await cache.touch("a"))
            #expect(try await cache.ttl("a") == .never)
            #expect(try await cache.touch("none") == false)
        }
    }

    @Test func `options that cannot work are told by every call`() async throws {
        try await withRedis { _, redis in
            for options in [
                CacheOptions(defaultTTL: .default), CacheOptions(defaultTTL: .after(.zero)),
                CacheOptions(compression: CacheCompression(threshold: 1, level: 99)), CacheOptions(maxValueBytes: 0),
                CacheOptions(timeout: .zero), CacheOptions(timeout: .seconds(86_401)),
                CacheOptions(longestTagLife: .zero), CacheOptions(longestTagLife: .milliseconds(999)),
                // What it writes it would never read.
                CacheOptions(schema: 1, readableSchemas: 2...3),
            ] {
                let cache = RedisCache(redis, prefix: "myapp", options: options)
                await expectError(.invalidArgument) { try await cache.get("a", as: Int.self) }
                await expectError(.invalidArgument) { try await cache.delete("a") }
            }
        }
    }

    @Test func `options at the ends of their ranges work`() {
        for timeout in [Duration.milliseconds(1), .seconds(86_400)] {
            for life in [Duration.seconds(1), CacheTTL.longest] {
                let options = CacheOptions(
                    schema: 2, readableSchemas: 2...3, timeout: timeout, longestTagLife: life)
                #expect(options.problem == nil)
            }
        }
        let problem = CacheOptions(schema: 1, readableSchemas: 2...3).problem
        #expect(problem?.contains("written with schema 1") == true)
    }

    @Test func `an entry with tags ends while what invalidates it is remembered`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(timeout: .seconds(60), longestTagLife: .seconds(1_000))
            let cache = RedisCache(redis, prefix: "myapp", options: options)
            let endless = cache.with { $0.defaultTTL = .never }
            func left() throws -> Int { try #require(try server("PTTL", "myapp:a").int) }
            let moves: [@Sendable () async throws -> Bool] = [
                { try await cache.expire("a", after: .seconds(5_000)) },
                { try await cache.expire("a", at: Date(timeIntervalSinceNow: 5_000)) },
                { try await cache.persist("a") }, { try await cache.touch("a") }, { try await endless.touch("a") },
            ]
            for move in moves {
                try await cache.set("a", 1, ttl: .after(.seconds(100)), tags: ["t"])
                #expect(try await move())
                #expect(try left() > 900_000 && left() <= 1_000_000)
            }
            #expect(try await cache.expire("a", after: .seconds(20)))
            #expect(try left() <= 20_000)
            // Written 600 s ago: it may have been invalidated since then.
            try await cache.set("a", 1, ttl: .after(.seconds(100)), tags: ["t"])
            var bytes = try #require(try await redis.command(RedisCommand("GET", "myapp:a"), as: [UInt8]?.self))
            let written = bytes[6..<14].reduce(Int64(0)) { $0 << 8 | Int64($1) } - 600_000_000
            for index in 0..<8 { bytes[6 + index] = UInt8(truncatingIfNeeded: written >> (56 - 8 * index)) }
            let _: RedisValue = try await redis.command(RedisCommand("SET", "myapp:a", bytes, "KEEPTTL"))
            for move in moves {
                #expect(try await move())
                #expect(try left() <= 400_000)
            }
        }
    }

    @Test func `touching says that Redis refused, also where it takes the end away`() async throws {
        try await withRedis { server, redis in
            let options = CacheOptions(defaultTTL: .never, timeout: .seconds(60))
            let cache = RedisCache(redis, prefix: "myapp", options: options)
            try await cache.set("a", 1, ttl: .after(.seconds(100)))
            try server("REPLICAOF", "127.0.0.1", "1")
            await expectError(.unavailable) { try await cache.touch("a") }
            try server("REPLICAOF", "NO", "ONE")
        }
    }
}
