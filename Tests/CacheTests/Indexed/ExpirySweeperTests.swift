import FoundationEssentials
import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import Cache

@Suite struct ExpirySweeperTests {
    private struct Failed: Error {}

    @Test func `an expired item is told once, with its value`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let told = Told()
            let sweeper = try ExpirySweeper(cache) { told.note($0) }
            try await cache.set("a:1", "first", indexes: ["user": "alice"])
            try await cache.set("long", "x")
            try await cache.set("deleted", "x")
            try await cache.increment("count")
            #expect(try await sweeper.sweep() == 0)
            try await cache.delete("deleted")
            try await cache.expire("a:1", "count")
            #expect(try await sweeper.sweep() == 2)
            #expect(try await sweeper.sweep() == 0)
            #expect(told.keys == ["a:1", "count"])
            let entry = try #require(told.all.first { $0.key == "a:1" })
            #expect(try entry.value() == "first")
            #expect(entry.attempt == 1 && entry.namespace == "n")
            #expect(try told.all.first { $0.key == "count" }?.value(as: Int.self) == 1)
            #expect(try server("KEYS", "*gone*").strings == [])
            #expect(try server("EXISTS", "signalbox:indexed:{n}:kept:a:1") == 0)
        }
    }

    @Test func `without kept values the key is told`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            try await cache.set("a", "secret")
            try await cache.expire("a")
            try await ExpirySweeper(cache) { told.note($0) }.sweep()
            #expect(try told.all.map { try $0.value(as: String.self) } == [nil])
            await expectError(.invalidArgument) {
                try ExpirySweeper(IndexedCache(redis, namespace: "n", options: .unhurried)) { _ in }
            }
        }
    }

    @Test func `two sweepers tell each end once in the quiet case`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            let names = (0..<300).map { "k\($0)" }
            try await cache.setMany(
                Dictionary(uniqueKeysWithValues: names.map { ($0, 1) }), ttl: .after(.milliseconds(1)))
            try await eventually("they expired") { try await cache.getMany(names, as: Int.self) == [:] }
            try await withClient(server.configuration) { second in
                let caches = [cache, IndexedCache(second, namespace: "n", options: .unhurried, expiry: .keys())]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<4 {
                        let options = ExpirySweeperOptions(batch: 7)
                        let sweeper = try ExpirySweeper(caches[number % 2], options: options) { told.note($0) }
                        group.addTask { _ = try await sweeper.sweep() }
                    }
                    try await group.waitForAll()
                }
            }
            #expect(told.keys == names.sorted())
        }
    }

    @Test func `a handler that throws is asked again after a pause, with the attempt counted`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let told = Told()
            let options = ExpirySweeperOptions(firstRetry: .milliseconds(1), longestRetry: .milliseconds(1))
            let sweeper = try ExpirySweeper(cache, options: options) { entry in
                told.note(entry)
                if entry.attempt < 3 { throw Failed() }
            }
            try await cache.set("a", "v")
            try await cache.expire("a")
            try await eventually("it was told") { try await sweeper.sweep() == 1 }
            #expect(told.all.map(\.attempt) == [1, 2, 3])
            #expect(Set(told.all.map(\.id)).count == 1)
            #expect(try told.all.map { try $0.value(as: String.self) } == ["v", "v", "v"])
        }
    }

    @Test func `running, it tells of ends as they come, and stops with its group`() async throws {
        try await withRedis { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
            let told = Told()
            let options = ExpirySweeperOptions(pause: .milliseconds(5))
            let sweeper = try ExpirySweeper(cache, options: options) { told.note($0) }
            let group = ServiceGroup(services: [sweeper], logger: redis.logger)
            let run = Task { try await group.run() }
            try await cache.set("a", "v", ttl: .after(.milliseconds(1)))
            try await told.signal.wait(within: .seconds(60))
            try await cache.set("a", "w", ttl: .after(.milliseconds(1)))
            try await told.signal.wait(count: 2, within: .seconds(60))
            await group.triggerGracefulShutdown()
            try await run.value
            #expect(try told.all.map { try $0.value(as: String.self) } == ["v", "w"])
        }
    }

    @Test func `the server's own events cut the rest short`() async throws {
        try await withRedis(.init(directives: ["notify-keyspace-events": "Ex"], checksLeaks: true)) { server, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let told = Told()
            let clock = ManualClock()
            let options = ExpirySweeperOptions(usesKeyspaceEvents: true)
            let sweeper = try ExpirySweeper(cache, options: options, clock: clock) { told.note($0) }
            let run = Task { try await sweeper.run() }
            try await clock.slept.wait(within: .seconds(60))
            try await eventually("it listens") { try !server.subscriptionsLeft().isEmpty }
            // Its clock stands still: only the event can wake it.
            try await cache.set("a", "v", ttl: .after(.milliseconds(1)))
            try await told.signal.wait(within: .seconds(60))
            run.cancel()
            await #expect(throws: CancellationError.self) { try await run.value }
        }
    }

    @Test func `pauses after failures grow to their limit`() {
        let options = ExpirySweeperOptions(firstRetry: .seconds(1), longestRetry: .seconds(10))
        #expect([1, 2, 3, 4, 5, 100].map(options.retry) == [1, 2, 4, 8, 10, 10].map(Duration.seconds))
    }

    @Test func `options out of range are refused`() async throws {
        try await withRedis { _, redis in
            let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .keys())
            let bad: [ExpirySweeperOptions] = [
                .init(lease: .milliseconds(99)), .init(pause: .zero), .init(batch: 0), .init(concurrency: 1_001),
                .init(firstRetry: .seconds(2), longestRetry: .seconds(1)),
            ]
            for options in bad {
                await expectError(.invalidArgument) { try ExpirySweeper(cache, options: options) { _ in } }
            }
            let size = try await redis.command(RedisCommand("DBSIZE"), as: Int.self)
            #expect(size == 0)
        }
    }
}
