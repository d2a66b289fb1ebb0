import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

@Suite struct InvalidatorTests {
    private func fill(_ cache: RedisCache) async throws {
        try await cache.set("user:7", 1)
        try await cache.set("user:8", 1)
        try await cache.set("user:list:p1", 1, tags: [Invalidator.listTag("user")])
        try await cache.set("user:list:p2", 1, tags: ["user:list"])
        try await cache.set("profile", 1, tags: [Invalidator.objectTag("user", id: "7")])
        try await cache.set("job:list:p1", 1, tags: ["job:list"])
    }

    private func left(_ cache: RedisCache) async throws -> Set<String> {
        let all = ["user:7", "user:8", "user:list:p1", "user:list:p2", "profile", "job:list:p1"]
        return Set(try await cache.getMany(all, as: Int.self).keys)
    }

    @Test func `after a creation the lists end, after a change the object too`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            try await fill(cache)
            try await invalidator.afterCreate("user")
            #expect(try await left(cache) == ["user:7", "user:8", "profile", "job:list:p1"])
            try await fill(cache)
            try await invalidator.afterUpdate("user", id: "7")
            #expect(try await left(cache) == ["user:8", "job:list:p1"])
            try await fill(cache)
            try await invalidator.afterDelete("user", id: "8")
            #expect(try await left(cache) == ["user:7", "profile", "job:list:p1"])
        }
    }

    @Test func `ttlOnly does nothing`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache, strategy: .ttlOnly)
            try await fill(cache)
            try await invalidator.afterUpdate("user", id: "7")
            try await invalidator.afterCreate("user")
            #expect(try await left(cache).count == 6)
        }
    }

    @Test func `names that cannot be are refused, and nothing is queued`() async throws {
        try await withRedis { _, redis in
            let invalidator = Invalidator(RedisCache(redis, prefix: "app", options: .unhurried))
            await expectError(.invalidArgument) { try await invalidator.afterCreate("") }
            await expectError(.invalidArgument) { try await invalidator.afterUpdate("user", id: "") }
            await expectError(.invalidArgument) {
                try await invalidator.afterUpdate("user", id: String(repeating: "7", count: 251))
            }
            #expect(invalidator.pending == 0)
        }
    }

    @Test func `what Redis did not take is told, queued and done when it is back`() async throws {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.timeout = .milliseconds(200) }
            let clock = ManualClock()
            let invalidator = Invalidator(cache, strategy: .onWrite, options: .init(), clock: clock)
            try await fill(cache.with { $0.timeout = .seconds(60) })
            await server.kill()
            await expectError(.unavailable) { try await invalidator.afterUpdate("user", id: "7") }
            await expectError(.unavailable) { try await invalidator.afterUpdate("user", id: "7") }
            #expect(invalidator.pending == 1)
            clock.advance(by: .seconds(5))
            try await server.start()
            try await eventually("done", within: .seconds(60)) {
                clock.advance(by: .seconds(5))
                return invalidator.pending == 0
            }
            try await eventually("Redis answers") { try await left(cache) == ["user:8", "job:list:p1"] }
        }
    }

    @Test func `what waits is not lost with an invalidator that was made for one request`() async throws {
        try await withRedis(.init(persistent: true, checksLeaks: true)) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.timeout = .milliseconds(200) }
            await server.kill()
            await expectError(.unavailable) { try await Invalidator(cache).afterUpdate("user", id: "7") }
            try await server.start()
            try await eventually("done", within: .seconds(60)) { try server("EXISTS", "{app}:tag:user:7") == 1 }
        }
    }

    @Test func `a warm-up whose lease was granted without an answer gives it back`() async throws {
        try await withRedis { server, redis in
            // The server knows both scripts: what is executed then is the script, not the question for it.
            let direct = Invalidator(RedisCache(redis, prefix: "app", options: .unhurried))
            _ = try? await direct.warmUp("b") { () async throws -> Int in throw CancellationError() }
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { client in
                    let cache = RedisCache(client, prefix: "app", options: .unhurried)
                    _ = try await cache.get("a", as: Int.self)
                    proxy.set(.cutBeforeReply(match: "fill", times: 1_000))
                    await expectError(.unavailable) { try await Invalidator(cache).warmUp("a") { 1 } }
                    let leases = try server("EXISTS", "{app:a}:fill")
                    #expect(leases == 0)
                }
            }
        }
    }

    @Test func `too many of them clear the cache once`() async throws {
        try await withRedis(.init(persistent: true)) { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.timeout = .milliseconds(200) }
            let clock = ManualClock()
            let invalidator = Invalidator(cache, strategy: .onWrite, options: .init(capacity: 5), clock: clock)
            try await fill(cache.with { $0.timeout = .seconds(60) })
            await server.kill()
            for id in 0..<20 { try? await invalidator.afterUpdate("user", id: "\(id)") }
            #expect(invalidator.pending == 1)
            try await server.start()
            try await eventually("done", within: .seconds(60)) {
                clock.advance(by: .seconds(5))
                return invalidator.pending == 0
            }
            #expect(try server("EXISTS", "{app}:epoch") == 1)
        }
    }

    @Test func `what has expired meanwhile is given up`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.timeout = .milliseconds(100) }
            let clock = ManualClock()
            let options = Invalidator.Options(retryFor: .milliseconds(1))
            let invalidator = Invalidator(cache, strategy: .onWrite, options: options, clock: clock)
            server.pause()
            await expectError(.unavailable) { try await invalidator.afterUpdate("user", id: "7") }
            try await eventually("given up") {
                clock.advance(by: .seconds(5))
                return invalidator.pending == 0
            }
            server.resume()
        }
    }

    @Test func `a cancelled call is queued too`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            try await fill(cache)
            server.pause()
            let task = Task { try await invalidator.afterUpdate("user", id: "7") }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            server.resume()
            try await eventually("done") { try await left(cache) == ["user:8", "job:list:p1"] }
            try await eventually("empty") { invalidator.pending == 0 }
        }
    }

    @Test func `an invalidator that nobody has any more ends`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).with { $0.timeout = .milliseconds(100) }
            let clock = ManualClock()
            server.pause()
            weak let retries = await {
                let invalidator = Invalidator(cache, strategy: .onWrite, options: .init(), clock: clock)
                try? await invalidator.afterUpdate("user", id: "7")
                #expect(invalidator.pending == 1)
                return invalidator.retries
            }()
            server.resume()
            try await eventually("gone") {
                clock.advance(by: .seconds(5))
                return retries == nil
            }
        }
    }
}

@Suite struct WarmUpTests {
    private struct Failure: Error {}

    @Test func `a value is there before anybody asks, with its life and tags`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            try await cache.set("a", 0)
            #expect(try await invalidator.warmUp("a", ttl: .after(.seconds(60)), tags: ["t"]) { 1 })
            #expect(try await cache.get("a") == 1)
            #expect(try #require(try server("PTTL", "app:a").int) <= 60_000)
            try await cache.invalidate(tags: "t")
            #expect(try await cache.get("a", as: Int.self) == nil)
            #expect(try await invalidator.warmUp("a") { 2 })
            #expect(try await cache.get("a") == 2)
            #expect(try server("EXISTS", "{app:a}:fill") == 0)
        }
    }

    @Test func `a warm-up never puts an older value over a newer one`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let invalidator = Invalidator(cache)
            let set = try await invalidator.warmUp("a") {
                try await cache.set("a", 2)
                return 1
            }
            #expect(!set)
            #expect(try await cache.get("a") == 2)
            let deleted = try await invalidator.warmUp("a") {
                try await cache.delete("a")
                return 1
            }
            #expect(!deleted)
            #expect(try await cache.get("a", as: Int.self) == nil)
            let invalidated = try await invalidator.warmUp("a", tags: ["t"]) {
                try await cache.invalidate(tags: "t")
                return 1
            }
            #expect(!invalidated)
            #expect(try await cache.get("a", as: Int.self) == nil)
            let written = try await cache.writeThrough("a") {
                let isStored = try await invalidator.warmUp("a") { 1 }
                return isStored ? 0 : 3
            }
            #expect(written.value == 3)
            #expect(try await cache.get("a") == 3)
        }
    }

    @Test func `many are loaded some at a time, and one that fails stops no other`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let running = Mutex((now: 0, most: 0))
            let keys = (0..<50).map { "k\($0)" }
            let report = try await Invalidator(cache).warmUp(keys, concurrency: 4) { key in
                running.withLock { running in
                    running.now += 1
                    running.most = max(running.most, running.now)
                }
                defer { running.withLock { $0.now -= 1 } }
                await Task.yield()
                if key == "k7" { throw Failure() }
                return key
            }
            #expect(report.stored == 49 && report.skipped == 0)
            #expect(report.failures.keys.map(\.name) == ["k7"])
            #expect(report.failures["k7"] is Failure)
            #expect(running.withLock { $0.most } <= 4)
            #expect(try await cache.getMany(keys, as: String.self).count == 49)
            #expect(try server("DBSIZE") == 49)
            await expectError(.invalidArgument) {
                try await Invalidator(cache).warmUp(keys, concurrency: 0) { $0 }
            }
        }
    }
}
