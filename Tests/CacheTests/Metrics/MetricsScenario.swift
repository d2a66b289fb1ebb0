import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// Some calls, and all that they count.
struct MetricsScenario: Sendable, CustomTestStringConvertible {
    let name: String
    let expected: [String: Int]
    let run: @Sendable (MetricsStage) async throws -> Void

    init(
        _ name: String, _ expected: [String: Int], _ run: @escaping @Sendable (MetricsStage) async throws -> Void
    ) {
        self.name = name
        self.expected = expected
        self.run = run
    }

    var testDescription: String { name }

    static let all = basics + loads + indexed + invalidations + sessions + codes
}

// MARK: - Single entries

extension MetricsScenario {
    private static let basics = [
        MetricsScenario("a value is set", ["cache.writes": 1]) { try await $0.cache().set("a", 1) },
        MetricsScenario("a value is read", ["cache.writes": 1, "cache.hits": 2]) { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            _ = try await cache.get("a", as: Int.self)
            _ = try await cache.lookup("a", as: Int.self)
        },
        MetricsScenario(
            "a sliding life is renewed, and then cannot be",
            [
                "cache.writes": 2, "cache.hits": 6, "cache.renewals.failed": 4,
            ]
        ) { stage in
            let cache = stage.cache(.slides)
            try await cache.setMany(["a": 1, "b": 2])
            try stage.server.age(["app:a", "app:b"], minutes: 60)
            _ = try await cache.getMany(["a", "b"], as: Int.self)
            try stage.server.age(["app:a", "app:b"], minutes: 60)
            try stage.server("REPLICAOF", "127.0.0.1", "1")
            _ = try await cache.get("a", as: Int.self)
            _ = try await cache.get("b", as: Int.self)
            _ = try await cache.getMany(["a", "b"], as: Int.self)
            try stage.server("REPLICAOF", "NO", "ONE")
        },
        MetricsScenario("there is no value", ["cache.misses": 1]) { _ = try await $0.cache().get("a", as: Int.self) },
        MetricsScenario(
            "many are written, read, deleted",
            [
                "cache.writes": 3, "cache.hits": 3, "cache.misses": 2, "cache.deletes": 4,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.setMany(["a": 1, "b": 2, "c": 3])
            _ = try await cache.getMany(["a", "b", "c", "x", "y"], as: Int.self)
            // Those that were not there as well: the call does not know.
            try await cache.delete("a", "b", "c", "x")
        },
        MetricsScenario("conditions that hold and do not", ["cache.writes": 3]) { stage in
            let cache = stage.cache()
            _ = try await cache.add("a", 1)
            _ = try await cache.add("a", 2)
            _ = try await cache.replace("a", 2)
            _ = try await cache.replace("b", 2)
            _ = try await cache.compareAndSet("a", expected: 2, new: 3)
            _ = try await cache.compareAndSet("a", expected: 2, new: 4)
        },
        MetricsScenario(
            "a value is compared and deleted, which is no write",
            [
                "cache.writes": 1, "cache.deletes": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            _ = try await cache.compareAndDelete("a", expected: 2)
            _ = try await cache.compareAndDelete("a", expected: 1)
        },
        MetricsScenario(
            "a value is taken out",
            [
                "cache.writes": 1, "cache.hits": 1, "cache.deletes": 1, "cache.misses": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.set("a", 1)
            _ = try await cache.getAndDelete("a", as: Int.self)
            _ = try await cache.getAndDelete("a", as: Int.self)
        },
        MetricsScenario("a pattern is deleted", ["cache.writes": 3, "cache.deletes": 2]) { stage in
            let cache = stage.cache()
            try await cache.setMany(["a:1": 1, "a:2": 2, "b": 3])
            try await cache.deleteMany(matching: "a:*")
        },
        MetricsScenario("counters, lives and names are counted nowhere", ["cache.writes": 1]) { stage in
            let cache = stage.cache()
            try await cache.increment("n")
            try await cache.increment("f", by: 0.5)
            try await cache.set("a", 1)
            _ = try await cache.ttl("a")
            _ = try await cache.rename("a", to: "b")
        },
        MetricsScenario(
            "a value that is damaged, or of another type",
            [
                "cache.writes": 1, "cache.undecodable": 3,
            ]
        ) { stage in
            let cache = stage.cache()
            try await cache.set("a", "text")
            await expectError(.undecodable) { try await cache.get("a", as: Int.self) }
            await expectError(.undecodable) { try await cache.getMany(["a"], as: Int.self) }
            try stage.server("COPY", "app:a", "app:b")
            try stage.server("SETRANGE", "app:b", "1", "\u{7}")
            await expectError(.undecodable) { try await cache.get("b", as: String.self) }
        },
        MetricsScenario(
            "a value is written through, then one that is none",
            [
                "cache.writes": 1, "cache.deletes": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            _ = try await cache.writeThrough("a") { 1 }
            _ = try await cache.writeThrough("a") { Int?.none }
        },
        MetricsScenario(
            "a key-value store",
            [
                "cache.writes": 1, "cache.hits": 1, "cache.misses": 1, "cache.deletes": 2,
            ]
        ) { stage in
            let store = RedisKeyValueStore(stage.client(), timeout: .seconds(60))
            try await store.set("a", 1, ttl: .default)
            _ = try await store.find("a", as: Int.self)
            _ = try await store.find("b", as: Int.self)
            try await store.deleteKeys(["a", "b"])
        },
    ]
}

// MARK: - Loads

extension MetricsScenario {
    private static let plain = RememberOptions(jitter: 0, early: .off, failurePause: .zero)

    private static let loads = [
        MetricsScenario(
            "a value is loaded, then remembered",
            [
                "cache.misses": 1, "cache.loads": 1, "cache.writes": 1, "cache.hits": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            for _ in 0..<2 { _ = try await cache.remember("a") { 1 } }
        },
        MetricsScenario(
            "ten callers at once are one load",
            [
                "cache.misses": 10, "cache.loads": 1, "cache.writes": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            let source = Source()
            source.hold()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 { group.addTask { _ = try await cache.remember("a") { try await source.get() } } }
                try await eventually("all have missed") { stage.counts["cache.misses"] == 10 }
                source.release()
                try await group.waitForAll()
            }
        },
        MetricsScenario(
            "an absence is loaded, then remembered",
            [
                "cache.misses": 2, "cache.loads": 1, "cache.writes": 1, "cache.hits": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            for _ in 0..<2 { _ = try await cache.remember("a") { () -> Int? in nil } }
            // Who asks for a value finds none.
            _ = try await cache.get("a", as: Int.self)
        },
        MetricsScenario("a load fails", ["cache.misses": 1, "cache.loads": 1, "cache.load.failures": 1]) { stage in
            let cache = stage.cache()
            await #expect(throws: Source.Failure()) {
                try await cache.remember("a", options: plain) { () -> Int in throw Source.Failure() }
            }
        },
        MetricsScenario(
            "a load whose value was overtaken",
            [
                "cache.misses": 1, "cache.loads": 1, "cache.fill.refused": 1, "cache.deletes": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            _ = try await cache.remember("a") {
                try await cache.delete("a")
                return 1
            }
        },
        MetricsScenario(
            "a load whose value is too large",
            [
                "cache.misses": 1, "cache.loads": 1, "cache.fill.unsaved": 1,
            ]
        ) { stage in
            _ = try await stage.cache(.init(maxValueBytes: 10)).remember("a") { "more than ten bytes" }
        },
        MetricsScenario(
            "a damaged value is loaded anew",
            [
                "cache.undecodable": 1, "cache.misses": 1, "cache.loads": 1, "cache.writes": 1,
            ]
        ) { stage in
            try stage.server("SET", "app:a", "no number", "PX", "600000")
            _ = try await stage.cache().remember("a") { 1 }
        },
        MetricsScenario(
            "a stale value is served in the place of a load",
            [
                "cache.stale": 1, "cache.loads": 1, "cache.load.failures": 1,
            ]
        ) { stage in
            try await stage.put(1, age: 10, freshFor: 5, under: "a")
            let value = try await stage.cache(.init(remember: .failSafe)).remember("a") { () -> Int in
                throw Source.Failure()
            }
            #expect(value == 1)
        },
        MetricsScenario(
            "a value is loaded before its end, while it is served",
            [
                "cache.hits": 1, "cache.refresh.early": 1, "cache.loads": 1, "cache.writes": 1,
            ]
        ) { stage in
            try await stage.put(1, age: 900, freshFor: 1_000, under: "a")
            let value = try await stage.cache().remember("a") { 2 }
            #expect(value == 1)
        },
        MetricsScenario("another process' load is waited for", ["cache.misses": 1, "cache.lease.waits": 1]) { stage in
            try await withClient(stage.server.configuration) { other in
                let source = Source()
                source.hold()
                let holder = RedisCache(other, prefix: "app", options: .unhurried)
                let elsewhere = Task { try await holder.remember("a") { try await source.get() } }
                try await source.began.wait(within: .seconds(60))
                let cache = stage.cache(.init(remember: .init(waitForOthers: .seconds(60))))
                let here = Task { try await cache.remember("a") { 2 } }
                try await eventually("it listens") {
                    try stage.server("PUBSUB", "CHANNELS", "*fill*").strings.count == 1
                }
                source.release()
                #expect(try await here.value == 1)
                _ = try await elsewhere.value
            }
        },
        MetricsScenario(
            "warm-ups that land, are kept out, and throw",
            [
                "cache.writes": 1, "cache.fill.refused": 1, "cache.deletes": 1,
            ]
        ) { stage in
            let cache = stage.cache()
            let invalidator = Invalidator(cache)
            let stored = try await invalidator.warmUp("a") { 1 }
            #expect(stored)
            let landed = try await invalidator.warmUp("b") {
                try await cache.delete("b")
                return 1
            }
            #expect(!landed)
            await #expect(throws: Source.Failure()) {
                try await invalidator.warmUp("c") { () -> Int in throw Source.Failure() }
            }
        },
    ]
}
