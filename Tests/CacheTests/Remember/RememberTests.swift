import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct RememberTests {
    @Test func `a value is loaded once and then read in one round trip`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let user = User(id: 7, name: "Ada")
            let source = Source()
            @Sendable func load() async throws -> User {
                _ = try await source.get()
                return user
            }
            for _ in 0..<3 {
                let found = try await cache.remember("7", ttl: .after(.seconds(300))) { try await load() }
                #expect(found == user)
            }
            #expect(source.loads == 1)
            #expect(try await cache.get("7") == user)
            // Again, if a heartbeat came in between.
            try await eventually("it is read in one round trip") {
                try server("CONFIG", "RESETSTAT")
                #expect(try await cache.remember("7") { try await load() } == user)
                return try server.info("commandstats").keys.filter { $0.contains("cmdstat") }.sorted() == [
                    "cmdstat_config|resetstat", "cmdstat_mget",
                ]
            }
        }
    }

    @Test func `all names remember`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["app:forever", "app:none"])) {
            server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            #expect(try await cache.getOrSet("a", .after(.seconds(60))) { 1 } == 1)
            #expect(try await cache.cached("b") { 2 } == 2)
            #expect(try await cache.rememberForever("forever") { 3 } == 3)
            let nothing: Int? = try await cache.rememberForever("none") { nil }
            #expect(nothing == nil)
            let missing: Int? = try await cache.getOrSet("c", .after(.seconds(60))) { nil }
            let absent: Int? = try await cache.cached("d") { nil }
            #expect(missing == nil && absent == nil)
            #expect(try server("PTTL", "app:forever") == -1)
            #expect(try server.left("app:none") > 0)
            #expect(try server.left("app:b") > 3_000_000)
            #expect(try server.left("app:b") <= 3_600_000)
            // And what one stored the others find.
            #expect(try await cache.remember("a") { 99 } == 1)
            #expect(try await cache.cached("a") { 99 } == 1)
        }
    }

    @Test func `that there is no value is remembered, apart from values and for a time of its own`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source(nil)
            for _ in 0..<3 {
                #expect(try await cache.remember("a", ttl: .after(.seconds(600))) { try await source.load() } == nil)
            }
            #expect(source.loads == 1)
            let left = try server("PTTL", "app:a").int ?? 0
            #expect(left > 10_000 && left <= 30_000)
            // Who needs a value does not take "none" for an answer.
            source.set(5)
            #expect(try await cache.remember("a") { try await source.get() } == 5)
            #expect(try await cache.remember("a") { try await source.load() } == 5)
            #expect(source.loads == 2)
        }
    }

    @Test func `who needs a value and shares the load of one that does not gets a value`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let none = Source(nil)
            none.hold()
            let one = Task { try await cache.remember("a") { try await none.load() } }
            try await none.began.wait()
            let other = Task { try await cache.remember("a") { 5 } }
            try await eventually("both wait") { cache.waiters("a", Int.self) == 2 }
            none.release()
            #expect(try await one.value == nil)
            #expect(try await other.value == 5)
        }
    }

    @Test func `that there is no value is not remembered when that is switched off`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.remember.negativeTTL = nil }
            let source = Source(nil)
            for _ in 0..<2 {
                let nothing = try await cache.remember("a") { try await source.load() }
                #expect(nothing == nil)
            }
            #expect(source.loads == 2)
            #expect(try server("DBSIZE") == 0)
        }
    }

    @Test func `a loader says how long its value lives and what invalidates it`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            @Sendable func load() async throws -> Loaded<Int> {
                Loaded(try await source.get(), ttl: .after(.seconds(500)), tags: ["team:1"])
            }
            #expect(try await cache.remember("a", tags: ["all"]) { try await load() } == 1)
            let left = try server("PTTL", "app:a").int ?? 0
            #expect(left > 400_000 && left <= 500_000)
            #expect(try await cache.remember("a", tags: ["all"]) { try await load() } == 1)
            #expect(source.loads == 1)
            for tag in ["team:1", "all"] {
                source.set((source.loads) + 1)
                try await cache.invalidate(tags: tag)
                #expect(try await cache.remember("a", tags: ["all"]) { try await load() } == source.loads)
            }
            #expect(source.loads == 3)
            let none: Int? = try await cache.remember("b") { Loaded(nil, ttl: .after(.seconds(5))) }
            #expect(none == nil)
            #expect(try server.left("app:b") <= 5_000)
        }
    }

    @Test func `a thousand tasks load once`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            let values = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<1_000 { group.addTask { try await cache.remember("a") { try await source.get() } } }
                try await source.began.wait()
                source.release()
                var values: Set<Int> = []
                for try await value in group { values.insert(value) }
                return values
            }
            #expect(values == [1])
            #expect(source.loads == 1)
            try await eventually("no flight is left") { cache.engine.flights.count == 0 }
        }
    }

    @Test func `what the loader throws is thrown to all who wait, and the next call loads again`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            source.fail(Source.Failure(number: 7))
            let calls = (0..<5).map { _ in Task { try await cache.remember("a") { try await source.get() } } }
            try await eventually("all wait") { cache.waiters("a", Int.self) == 5 }
            source.release()
            for call in calls {
                await #expect(throws: Source.Failure(number: 7)) { try await call.value }
            }
            source.fail(nil)
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            #expect(source.loads == 2)
            #expect(try server("EXISTS", "{app:a}:fill") == 0)
        }
    }

    @Test func `a caller that is cancelled leaves, the others get the value, and the load goes on without any`()
        async throws
    {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let source = Source()
            source.hold()
            let first = Task { try await cache.remember("a") { try await source.get() } }
            try await source.began.wait()
            let second = Task { try await cache.remember("a") { try await source.get() } }
            try await eventually("both wait") { cache.waiters("a", Int.self) == 2 }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            second.cancel()
            await #expect(throws: CancellationError.self) { try await second.value }
            source.release()
            try await eventually("stored") { try await cache.get("a") == 1 }
            #expect(source.loads == 1)
        }
    }

    @Test func `a loader that hangs is cancelled when its lease ends`() async throws {
        try await withRedis { server, redis in
            let terms = RememberOptions(loadLease: .milliseconds(200), failurePause: .zero)
            let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .seconds(60), remember: terms))
            let cancelled = TestSignal("the loader was cancelled")
            await expectError(.loadTimedOut) {
                try await cache.remember("a") { () -> Int in
                    do {
                        try await TestSignal("never").wait(within: .seconds(60))
                    } catch is CancellationError {
                        cancelled.fire()
                    }
                    return 1
                }
            }
            try await cancelled.wait()
            // With a lease that does not end while the machine is busy.
            #expect(try await cache.remember("a", options: .init(failurePause: .zero)) { 2 } == 2)
        }
    }

    @Test func `after the hard time-out callers go, the load goes on and is stored`() async throws {
        try await withRedis { _, redis in
            let terms = RememberOptions(hardTimeout: .milliseconds(50))
            let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .seconds(60), remember: terms))
            let source = Source()
            source.hold()
            await expectError(.loadTimedOut) { try await cache.remember("a") { try await source.get() } }
            source.release()
            try await eventually("stored") { try await cache.get("a") == 1 }
            #expect(try await cache.remember("a") { try await source.get() } == 1)
            #expect(source.loads == 1)
        }
    }

    @Test func `a value that cannot be stored is returned all the same`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .init(maxValueBytes: 10, timeout: .seconds(60)))
            let text = String(repeating: "x", count: 100)
            let returned = try await cache.remember("a") { text }
            #expect(returned == text)
            #expect(try server("DBSIZE") == 0)
            #expect(try await cache.remember("b") { Double.infinity } == .infinity)
        }
    }

    @Test func `what is stored and cannot be read counts as missing and is replaced`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try server("SET", "app:a", "no number", "PX", "60000")
            #expect(try await cache.remember("a") { 5 } == 5)
            #expect(try await cache.get("a") == 5)
            try server("RPUSH", "app:b", "x")
            #expect(try await cache.remember("b") { 6 } == 6)
            #expect(try await cache.get("b") == 6)
            try await cache.set("c", User(id: 1, name: "Ada"))
            #expect(try await cache.remember("c") { 7 } == 7)
        }
    }

    @Test func `a value set while another is loaded stays`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for change in ["set", "delete", "setMany"] {
                let source = Source()
                source.hold()
                try await cache.delete("a")
                let old = Task { try await cache.remember("a") { try await source.get() } }
                try await source.began.wait()
                switch change {
                case "set": try await cache.set("a", 2)
                case "setMany": try await cache.setMany(["a": 2])
                default: try await cache.delete("a")
                }
                // Who calls after the change gets what is true now, though the old load still runs.
                #expect(try await cache.remember("a") { 2 } == 2)
                source.release()
                #expect(try await old.value == 1)
                #expect(try await cache.get("a") == 2)
            }
        }
    }

    @Test func `another process' invalidation while a value is loaded is not lost on those who came after it`()
        async throws
    {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                for tag in [false, true] {
                    let source = Source()
                    source.hold()
                    try await cache.delete("a")
                    let first = Task { try await cache.remember("a", tags: ["t"]) { try await source.get() } }
                    try await source.began.wait()
                    source.set(2)
                    let elsewhere = RedisCache(other, prefix: "app", options: .unhurried)
                    if tag { try await elsewhere.invalidate(tags: "t") } else { try await elsewhere.delete("a") }
                    let late = Task { try await cache.remember("a", tags: ["t"]) { try await source.get() } }
                    try await eventually("the late one waits") {
                        cache.waiters("a", Int.self) == 2 || source.loads == 2
                    }
                    source.release()
                    #expect(try await first.value == 1)
                    #expect(try await late.value == 2)
                }
            }
        }
    }

    @Test func `options that cannot work are refused before anything is asked`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let flawed: [RememberOptions] = [
                .init(negativeTTL: .zero), .init(jitter: 1.5), .init(jitter: .nan), .init(early: .threshold(1)),
                .init(early: .probabilistic(beta: 0)), .init(failSafe: .init(maxStale: .zero)),
                .init(failSafe: .init(throttle: .microseconds(1))), .init(softTimeout: .zero),
                .init(hardTimeout: .seconds(-1)), .init(loadLease: .zero), .init(waitForOthers: .zero),
                .init(failurePause: .seconds(-1)),
            ]
            for options in flawed {
                await expectError(.invalidArgument) { try await cache.remember("a", options: options) { 1 } }
                await expectError(.invalidArgument) {
                    try await RedisCache(redis, options: .init(remember: options)).remember("a") { 1 }
                }
            }
            await expectError(.invalidArgument) { try await cache.remember("", options: nil) { 1 } }
            await expectError(.invalidArgument) { try await cache.remember("a", ttl: .after(.zero)) { 1 } }
            await expectError(.invalidArgument) { try await cache.remember("a", tags: [""]) { 1 } }
        }
    }
}

extension RedisCache {
    /// How many wait for the flight of this value.
    func waiters<T: Sendable>(_ key: String, _ type: T.Type) -> Int {
        guard let entry = try? redisKey(key) else { return 0 }
        return engine.flights.waiters(entry, type)
    }
}
