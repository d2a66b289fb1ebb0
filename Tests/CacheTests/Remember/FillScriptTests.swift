import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct FillScriptTests {
    /// A cache, the key of an entry, and its fill lease's calls with short names.
    private struct Bench {
        let cache: RedisCache
        let entry: RedisKey

        init(_ redis: RedisClient) throws {
            cache = RedisCache(redis, prefix: "app", options: .unhurried)
            entry = try cache.redisKey("7")
        }

        func acquire(
            _ token: FillToken, replacing print: EntryPrint = .none, respect: Int64 = 1_000
        ) async throws -> FillAnswer {
            try await cache.acquireFill(entry, token, replacing: print, lease: 600_000, respect: respect, "test")
        }

        func fill(_ token: FillToken, _ text: String, life: String = "60000") async throws -> Bool {
            try await cache.fill(entry, token, Data(text.utf8), life: life, "test")
        }
    }

    @Test func `one of many gets the lease and the others are told how long it may last`() async throws {
        try await withRedis { _, redis in
            let bench = try Bench(redis)
            guard case .granted(let time) = try await bench.acquire(FillToken()) else {
                Issue.record("not granted")
                return
            }
            #expect(time > 1_600_000_000_000_000)
            guard case .held(let left) = try await bench.acquire(FillToken()) else {
                Issue.record("not held")
                return
            }
            #expect(left > .seconds(500) && left <= .seconds(600))
        }
    }

    @Test func `a lease is granted again to its own token, whose first reply may be lost`() async throws {
        try await withRedis { _, redis in
            let bench = try Bench(redis)
            let token = FillToken()
            guard case .granted(let first) = try await bench.acquire(token),
                case .granted(let second) = try await bench.acquire(token)
            else {
                Issue.record("not granted")
                return
            }
            #expect(second >= first)
        }
    }

    @Test func `a fill lands once, wakes the waiting and ends the lease`() async throws {
        try await withRedis { server, redis in
            let bench = try Bench(redis)
            let wake = try await redis.subscribe(channels: ["{app:7}:fill:wake:0"])
            let token = FillToken()
            _ = try await bench.acquire(token)
            #expect(try await bench.fill(token, "one"))
            #expect(await wake.nextBatch()?.count == 1)
            #expect(try server("GET", "app:7") == "one")
            #expect(try server("EXISTS", "{app:7}:fill") == 0)
            // Repeated, because its reply was lost.
            #expect(try await bench.fill(token, "one"))
            await wake.cancel()
        }
    }

    @Test func `nothing that began before a delete or a set lands after it`() async throws {
        try await withRedis { server, redis in
            let bench = try Bench(redis)
            for end in ["delete", "set"] {
                let token = FillToken()
                _ = try await bench.cache.delete("7")
                _ = try await bench.acquire(token)
                switch end {
                case "delete": try await bench.cache.delete("7")
                default: try await bench.cache.set("7", "new")
                }
                let before = try server("GET", "app:7")
                #expect(try await !bench.fill(token, "old"), "after \(end)")
                #expect(try server("GET", "app:7") == before)
            }
        }
    }

    @Test func `a lease is not granted for an entry that is there, but for the one seen`() async throws {
        try await withRedis { server, redis in
            let bench = try Bench(redis)
            _ = try server("SET", "app:7", "stale value of some length", "PX", "60000")
            #expect(try await bench.acquire(FillToken()) == .changed)
            #expect(
                try await bench.acquire(FillToken(), replacing: EntryPrint(Data("another value than that".utf8)))
                    == .changed)
            let seen = EntryPrint(Data("stale value of some length".utf8))
            guard case .granted = try await bench.acquire(FillToken(), replacing: seen) else {
                Issue.record("not granted")
                return
            }
        }
    }

    @Test func `the entry seen may be gone, and a list counts as nothing`() async throws {
        try await withRedis(.init(checksLeaks: false)) { server, redis in
            let bench = try Bench(redis)
            let token = FillToken()
            guard case .granted = try await bench.acquire(token, replacing: EntryPrint(Data("gone".utf8))) else {
                Issue.record("not granted")
                return
            }
            _ = try server("RPUSH", "app:7", "x")
            guard case .granted = try await bench.acquire(token) else {
                Issue.record("not granted over a list")
                return
            }
            #expect(try await bench.fill(token, "value"))
            #expect(try server("GET", "app:7") == "value")
        }
    }

    @Test func `a dropped lease is free, a failed one only for who is not told to respect it`() async throws {
        try await withRedis { _, redis in
            let bench = try Bench(redis)
            let one = FillToken()
            _ = try await bench.acquire(one)
            #expect(try await bench.cache.dropFill(bench.entry, one, "test"))
            #expect(try await !bench.cache.dropFill(bench.entry, one, "test"))
            let two = FillToken()
            _ = try await bench.acquire(two)
            #expect(try await bench.cache.dropFill(bench.entry, two, failedFor: 200_000, "test"))
            guard case .failed(let left) = try await bench.acquire(FillToken(), respect: 600_000) else {
                Issue.record("the failure was not respected")
                return
            }
            #expect(left > .seconds(100) && left <= .seconds(200))
            guard case .granted = try await bench.acquire(FillToken(), respect: 0) else {
                Issue.record("not granted")
                return
            }
        }
    }
}
