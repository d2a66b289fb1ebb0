import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10 for entries, counters under an entry's key, and fills: keys are documented and mortal unless `.never` was
/// asked for, scripts use only keys they declare, all in one slot, and nobody calls KEYS.
@Suite struct EntryKeyAuditTests {
    static let scripts = [
        CacheScripts.set(isConditional: false), CacheScripts.set(isConditional: true), CacheScripts.delete,
        CacheScripts.swap, CacheScripts.life, CounterScripts.increment, CounterScripts.incrementFloat,
        FillScripts.acquire, FillScripts.fill, FillScripts.drop, SlidingScripts.read,
    ]

    /// As `docs/keys.md` lists them: entries and their fill leases.
    private static let documented: Set<String> = [
        "app:a", "app:b", "app:dead", "app:n", "app:f", "app:tagged", "app:kept", "app:loaded", "app:failed",
        "app:none", "app:sliding",
        "app:tenant:%7Bx%7D:1",
    ]

    @Test func `every key is documented and mortal, and every script keeps to its keys in one slot`() async throws {
        try await withRedis { server, redis in
            let audit = try await ScriptAudit.during(server) {
                try await useEverything(RedisCache(redis, prefix: "app", options: .unhurried))
            }
            #expect(audit.violations == [])
            let missing = Self.scripts.filter { !audit.shas.contains($0.sha) }.map(\.name)
            #expect(missing == [], "these scripts were not run: the audit says nothing about them")
            #expect(audit.commands.isDisjoint(with: ["KEYS", "FLUSHDB", "FLUSHALL"]))
            let leases = Set(Self.documented.map { "{\($0)}:fill" })
            let known = Self.documented.union(leases).union(["{app}:tag:gone"])
            #expect(audit.keys.subtracting(known) == [])
            #expect(Self.documented.subtracting(audit.keys) == [], "documented, and never used")
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    @Test func `only what was stored for ever is immortal, whatever script wrote it`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["app:ever:"])) { server, redis in
            let audit = try await ScriptAudit.during(server) {
                try await useForEver(RedisCache(redis, prefix: "app", options: .unhurried).namespace("ever"))
            }
            #expect(audit.violations == [])
            let expected = ["add", "cas", "f", "n", "persisted", "remembered", "replaced", "set"]
            #expect(Set(try server.keysWithoutTTL()) == Set(expected.map { "app:ever:\($0)" }))
        }
    }

    private func useEverything(_ cache: RedisCache) async throws {
        try await cache.set("a", 1)
        try await cache.setMany(["a": 1, "b": 2])
        _ = try await cache.add("b", 2)
        _ = try await cache.replace("b", 3)
        _ = try await cache.compareAndSet("b", expected: 3, new: 4)
        _ = try await cache.compareAndSet("b", expected: 4, new: 5, ttl: .after(.seconds(60)), tags: ["t"])
        _ = try await cache.compareAndDelete("a", expected: 1)
        try await cache.set("a", 1)
        // An invalidated entry is replaced by `add`.
        try await cache.set("dead", 1, tags: ["gone"])
        try await cache.invalidate(tags: "gone")
        _ = try await cache.add("dead", 2)
        for amount in [1, 2] {
            try await cache.increment("n", by: amount)
            try await cache.increment("f", by: Double(amount) / 4)
        }
        try await cache.set("tagged", 1, tags: ["t"])
        _ = try await cache.persist("tagged")
        for key in ["a", "tagged"] {
            _ = try await cache.expire(key, after: .seconds(60))
            _ = try await cache.expire(key, at: Date(timeIntervalSince1970: 4_000_000_000))
            _ = try await cache.touch(key)
        }
        try await cache.set("kept", 1)
        _ = try await cache.getAndDelete("kept", as: Int.self)
        _ = try await cache.remember("loaded") { 1 }
        _ = try await cache.remember("none") { () -> Int? in nil }
        _ = try? await cache.remember("failed") { () -> Int in throw Source.Failure() }
        try await cache.tenant("{x}").set("1", 1)
        let sliding = cache.with { $0.sliding = SlidingExpiry(idle: .seconds(60), upTo: .seconds(600)) }
        try await sliding.set("sliding", 1)
        _ = try await sliding.get("sliding", as: Int.self)
        try await cache.delete("loaded", "kept")
    }

    private func useForEver(_ cache: RedisCache) async throws {
        try await cache.set("set", 1, ttl: .never)
        _ = try await cache.add("add", 1, ttl: .never)
        try await cache.set("replaced", 1)
        _ = try await cache.replace("replaced", 1, ttl: .never)
        try await cache.set("cas", 1)
        _ = try await cache.compareAndSet("cas", expected: 1, new: 2, ttl: .never)
        try await cache.set("persisted", 1)
        _ = try await cache.persist("persisted")
        try await cache.increment("n", ttl: .never)
        try await cache.increment("f", by: 0.5, ttl: .never)
        _ = try await cache.rememberForever("remembered") { 1 }
        // Mortal again, and mortal all the time.
        try await cache.set("mortal", 1, ttl: .never)
        _ = try await cache.expire("mortal", after: .seconds(60))
        try await cache.set("tagged", 1, tags: ["t"])
        _ = try await cache.persist("tagged")
    }
}
