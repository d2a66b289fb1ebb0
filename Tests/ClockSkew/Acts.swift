import Cache
import Foundation
import RedisCore
import Synchronization

/// One part of the cache, used while the clock jumps; what it prints must not depend on the clock.
typealias Act = @Sendable (ClockSkew) async throws -> String

private struct NoSource: Error {}

extension ClockSkew {
    static let acts: [(String, Act)] = [
        ("values", { try await $0.values() }),
        ("lives", { try await $0.lives() }),
        ("remember", { try await $0.remember() }),
        ("fail-safe", { try await $0.failSafe() }),
        ("tags", { try await $0.tags() }),
        ("conditions", { try await $0.conditions() }),
        ("write-through", { try await $0.writeThrough() }),
        ("events", { try await $0.events() }),
        ("near", { try await $0.near() }),
        ("sessions", { try await $0.sessions() }),
        ("codes", { try await $0.codes() }),
        ("indexed", { try await $0.indexed() }),
        ("expiry", { try await $0.expiry() }),
        ("windows", { try await $0.windows() }),
        ("boards", { try await $0.boards() }),
        ("memory", { try await $0.memory() }),
    ]

    // MARK: Single entries

    func values() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        try await cache.set("a", 1)
        let bytes = try await redis.command(RedisCommand("GETRANGE", RedisKey("skew:a"), 6, 13), as: Data.self)
        let written = Double(bytes.reduce(Int64(0)) { $0 << 8 | Int64($1) }) / 1e6
        clock.jump()
        let value = try await cache.get("a", as: Int.self)
        clock.jump()
        let isServers = try await isAbout(Date(timeIntervalSince1970: written), 0)
        return "\(value ?? 0), written by the server's clock: \(isServers)"
    }

    func lives() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        try await cache.set("a", 1, ttl: .after(.seconds(600)))
        clock.jump()
        func life(about seconds: Int64) async throws -> Bool {
            guard case .remaining(let left) = try await cache.ttl("a") else { return false }
            return left > .seconds(seconds - 60) && left <= .seconds(seconds)
        }
        let first = try await life(about: 600)
        // A moment is one of the server's clock, whoever names it.
        let moved = try await cache.expire("a", at: Date(timeIntervalSince1970: serverTime() + 1_200))
        clock.jump()
        let second = try await life(about: 1_200)
        _ = try await cache.expire("a", after: .milliseconds(1))
        let ended = try await until { try await cache.get("a", as: Int.self) == nil }
        return "\(first) \(moved) \(second) \(ended)"
    }

    func conditions() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        var results = [try await cache.add("c", 1), try await cache.add("c", 2)]
        clock.jump()
        results.append(try await cache.compareAndSet("c", expected: 1, new: 2))
        clock.jump()
        results.append(try await cache.compareAndDelete("c", expected: 2))
        return "\(results)"
    }

    // MARK: Loads

    func remember() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        let elsewhere = RedisCache(other, prefix: "skew")
        let loads = Atomic(0)
        for cache in [cache, elsewhere, cache, elsewhere] {
            _ = try await cache.remember("r", ttl: .after(.seconds(600))) {
                loads.wrappingAdd(1, ordering: .relaxed)
                // The load itself takes a day, by this process' clock.
                clock.jump()
                return 7
            }
            clock.jump()
        }
        return "\(loads.load(ordering: .relaxed)) load"
    }

    func failSafe() async throws -> String {
        let options = RememberOptions(jitter: 0, early: .off, failSafe: .init(maxStale: .seconds(600)))
        let cache = RedisCache(redis, prefix: "skew", options: .init(remember: options))
        let first = try await cache.rememberWithOrigin("f", ttl: .after(.milliseconds(1))) { () -> Int? in 1 }
        clock.jump()
        var last = first
        let isStale = try await until {
            clock.jump()
            last = try await cache.rememberWithOrigin("f", ttl: .after(.milliseconds(1))) { () -> Int? in
                throw NoSource()
            }
            return last.origin == .stale
        }
        // What is over stays over, however far the clock goes back.
        var origins: [String] = []
        for _ in 0..<6 {
            clock.jump()
            let again = try await cache.rememberWithOrigin("f", ttl: .after(.milliseconds(1))) { () -> Int? in
                throw NoSource()
            }
            origins.append("\(again.origin)")
        }
        let fallback = "\(isStale ? "stale" : "not stale") \(last.value ?? 0)"
        return "\(first.origin), then \(fallback), then \(Set(origins).sorted())"
    }

    func writeThrough() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        let written = try await cache.writeThrough("w") {
            clock.jump()
            return 5
        }
        clock.jump()
        return "\(written.outcome) \(try await cache.get("w", as: Int.self) ?? 0)"
    }

    // MARK: Invalidation

    func tags() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        var seen: [Int?] = []
        func look() async throws { seen.append(try await cache.get("t", as: Int.self, tags: ["tag"])) }
        for round in 1...2 {
            try await cache.set("t", round, tags: ["tag"])
            clock.jump()
            try await look()
            try await cache.invalidate(tags: "tag")
            try await look()
            clock.jump()
            try await look()
            try await cache.set("t", round * 10, tags: ["tag"])
            clock.jump()
            try await look()
            try await cache.clear()
            clock.jump()
            try await look()
        }
        return "\(seen.map { $0 ?? 0 }), reaped \(try await cache.reap().deleted > 0)"
    }

    func events() async throws -> String {
        let cache = RedisCache(redis, prefix: "skew")
        let elsewhere = RedisCache(other, prefix: "skew")
        let options = Invalidator.Options(startsClean: false)
        let invalidator = Invalidator(elsewhere, strategy: .onEvent(channel: "skew"), options: options)
        let running = Task { try await invalidator.run() }
        let listens = try await until {
            try await redis.command(RedisCommand("PUBLISH", "skew", "{}"), as: Int.self) == 1
        }
        try await cache.set("user:7", 1)
        clock.jump()
        try await Invalidator(cache, strategy: .onEvent(channel: "skew")).afterUpdate("user", id: "7")
        clock.jump()
        let isApplied = try await until { try await cache.get("user:7", as: Int.self) == nil }
        running.cancel()
        _ = await running.result
        return "\(listens) \(isApplied)"
    }

    // MARK: Near

    func near() async throws -> String {
        let cache = RedisCache(redis, prefix: "nearskew", options: .init(near: NearCacheOptions()))
        guard try await until({ cache.near?.state == .tracking }) else { return "no tracking" }
        try await cache.set("n", 1)
        let isKept = try await until {
            let hits = cache.near?.figures.hits ?? 0
            clock.jump()
            _ = try await cache.get("n", as: Int.self)
            return (cache.near?.figures.hits ?? 0) > hits
        }
        // A day later, or earlier, it is still trusted: time passes by another clock.
        clock.jump()
        let hits = cache.near?.figures.hits ?? 0
        let value = try await cache.get("n", as: Int.self)
        let isHit = (cache.near?.figures.hits ?? 0) == hits + 1
        try await RedisCache(other, prefix: "nearskew").set("n", 2)
        clock.jump()
        let isSeen = try await until { try await cache.get("n", as: Int.self) == 2 }
        return "\(isKept) \(value ?? 0) \(isHit) \(isSeen)"
    }
}
