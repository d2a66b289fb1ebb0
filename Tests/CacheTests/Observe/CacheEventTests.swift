import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct CacheEventTests {
    private func cache(
        _ redis: RedisClient, _ heard: Heard, _ change: (inout CacheOptions) -> Void = { _ in }
    ) -> RedisCache {
        var options = CacheOptions.unhurried
        options.observer = heard.observer
        change(&options)
        return RedisCache(redis, prefix: "app", options: options)
    }

    @Test func `each read tells a hit, a miss or that the value cannot be read, by the caller's key`() async throws {
        try await withRedis { server, redis in
            let heard = Heard()
            let cache = cache(redis, heard)
            #expect(try await cache.get("a{b}* é", as: Int.self) == nil)
            try await cache.set("a{b}* é", 1)
            #expect(try await cache.get("a{b}* é") == 1)
            #expect(heard.take() == ["app/a{b}* é miss", "app/a{b}* é set", "app/a{b}* é hit redis"])

            try await cache.set("text", "no number")
            await expectError(.undecodable) { try await cache.get("text", as: Int.self) }
            _ = try server("SET", "app:damaged", "\u{10FFFF}")
            guard case .undecodable = try await cache.lookup("damaged", as: Int.self) else {
                Issue.record("it was read")
                return
            }
            #expect(heard.take() == ["app/text set", "app/text undecodable", "app/damaged undecodable"])

            _ = try server("DEL", "app:damaged")
            #expect(try await cache.getMany(["a{b}* é", "none"], as: Int.self).count == 1)
            #expect(Set(heard.take()) == ["app/a{b}* é hit redis", "app/none miss"])

            let users = cache.namespace("users").tenant("a:b")
            #expect(try await users.get("7", default: 0) == 0)
            #expect(heard.take() == ["app:users:tenant:a%3Ab/7 miss"])
        }
    }

    @Test func `every way to write tells what it changed`() async throws {
        try await withRedis { server, redis in
            let heard = Heard()
            let cache = cache(redis, heard)
            #expect(try await cache.add("a", 1))
            #expect(try await !cache.add("a", 2))
            #expect(try await cache.replace("a", 3))
            #expect(try await !cache.replace("b", 3))
            #expect(heard.take() == ["app/a set", "app/a set"])

            #expect(try await cache.compareAndSet("a", expected: 3, new: 4))
            #expect(try await !cache.compareAndSet("a", expected: 3, new: 5))
            #expect(try await cache.compareAndDelete("a", expected: 4))
            #expect(heard.take() == ["app/a set", "app/a deleted a found 1"])

            try await cache.setMany(["x": 1, "y": 2])
            #expect(Set(heard.take()) == ["app/x set", "app/y set"])
            #expect(try await cache.delete("x", "y", "z") == 2)
            #expect(try await cache.delete("x") == 0)
            #expect(heard.take() == ["app/ deleted x,y,z found 2", "app/x deleted x found 0"])

            try await cache.increment("n")
            #expect(try await cache.rename("n", to: "m"))
            #expect(try await cache.getAndDelete("m", as: Int.self) == 1)
            #expect(
                heard.take() == [
                    "app/n set", "app/n deleted n found 1", "app/m set", "app/m deleted m found 1", "app/m hit redis",
                ])

            try await cache.setMany(["p:1": 1, "p:2": 2, "q": 3])
            _ = heard.take()
            #expect(try await cache.deleteMany(matching: .prefix("p:")) == 2)
            #expect(heard.take() == ["app/ deleted p:1,p:2 found 2"])

            #expect(try await cache.writeThrough("w") { 1 }.outcome == .stored)
            #expect(try await cache.writeThrough("w") { Int?.none }.outcome == .dropped)
            #expect(heard.take() == ["app/w set", "app/w deleted w found unknown"])

            try await cache.invalidate(tags: "t", "s")
            try await cache.namespace("n").clear()
            #expect(heard.take() == ["app/ invalidated s,t", "app:n/ cleared"])
            // The one kind of key that has no end.
            _ = try server("DEL", "{app:n}:epoch")
        }
    }

    @Test func `a key-value store tells too, its deletions by command`() async throws {
        try await withRedis { _, redis in
            let heard = Heard()
            let store = RedisKeyValueStore(redis, prefix: "kv", timeout: .seconds(60), observer: heard.observer)
            try await store.set("a", 1, ttl: .never)
            _ = try await store.find("a", as: Int.self)
            #expect(try await store.deleteKeys(["a", "b"]) == 1)
            #expect(heard.take() == ["kv/a set", "kv/a hit redis", "kv/ deleted a,b found 1"])
        }
    }

    @Test func `reads that the near cache answers tell so`() async throws {
        try await withTwo { _, redis, _ in
            let heard = Heard()
            let cache = cache(redis, heard) { $0.near = NearCacheOptions() }
            try await cache.untilNear(.tracking)
            try await cache.set("k", "v")
            // Again, if the news of the write came in between and dropped what was kept.
            try await eventually("each is told as a near hit") {
                try await cache.warm("k", "v")
                _ = heard.take()
                #expect(try await cache.get("k") == "v")
                #expect(try await cache.getMany(["k"]) == ["k": "v"])
                #expect(try await cache.remember("k") { "other" } == "v")
                return heard.take() == ["app/k hit near", "app/k hit near", "app/k hit near"]
            }

            let nothing: @Sendable () async throws -> String? = { nil }
            #expect(try await cache.remember("none", nothing) == nil)
            try await eventually("the absence is near") {
                _ = try await cache.get("none", as: String.self)
                return heard.count(of: "app/none negative hit near") > 0
            }
            try await eventually("each is told as a negative near hit") {
                _ = heard.take()
                guard case .miss = try await cache.lookup("none", as: String.self) else {
                    throw TestTimeout("there is something")
                }
                #expect(try await cache.remember("none", nothing) == nil)
                return heard.take() == ["app/none negative hit near", "app/none negative hit near"]
            }
        }
    }

    @Test func `that everything near was dropped is told once to the observers of the root`() async throws {
        try await withTwo { server, redis, _ in
            let (heard, elsewhere) = (Heard(), Heard())
            let cache = cache(redis, heard) { $0.near = NearCacheOptions() }
            // The same observer again, and one that has nothing to do with this root.
            let nested = cache.namespace("users")
            let other = RedisCache(redis, prefix: "other", options: CacheOptions(observer: elsewhere.observer))
            try await cache.untilNear(.tracking)
            #expect(heard.take() == [], "there was nothing to drop")
            try server("FLUSHDB")
            try await eventually("told") { heard.count(of: "app/ nearFlushed") == 1 }
            try server("CLIENT", "KILL", "TYPE", "pubsub")
            try await eventually("told again") { heard.count(of: "app/ nearFlushed") == 2 }
            withExtendedLifetime((nested, other)) { #expect(elsewhere.all == []) }
        }
    }

    @Test func `an outage is told by each read, and its begin and end once to all who listen`() async throws {
        try await withRedis { server, _ in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                try await withClient(proxy.configuration) { redis in
                    let (heard, bystander) = (Heard(), Heard())
                    let cache = cache(redis, heard) { $0.timeout = .milliseconds(50) }
                    let nested = cache.namespace("users")
                    let other = RedisCache(redis, prefix: "other", options: CacheOptions(observer: bystander.observer))
                    #expect(try await cache.get("a", as: Int.self) == nil)
                    #expect(try await cache.getMany(["a"], as: Int.self) == [:])
                    await expectError(.unavailable) {
                        try await cache.with { $0.failure = .closed }.get("a", as: Int.self)
                    }
                    #expect(heard.take() == Array(repeating: "app/a unavailable", count: 3))
                    for _ in 0..<CircuitBreaker.threshold { _ = try await nested.get("a", as: Int.self) }
                    #expect(heard.count(of: "/ circuitOpened") == 1 && bystander.all == ["/ circuitOpened"])
                    proxy.set(.pass)
                    try await eventually("the circuit closes") {
                        _ = try await cache.get("a", as: Int.self)
                        return !cache.engine.isOpen
                    }
                    #expect(heard.count(of: "/ circuitClosed") == 1)
                    #expect(bystander.all == ["/ circuitOpened", "/ circuitClosed"])
                    withExtendedLifetime(other) {}
                }
            }
        }
    }

    @Test func `an observer is let go with its caches`() async throws {
        try await withRedis { _, redis in
            weak var observer: CacheObserver?
            let other = RedisCache(redis, prefix: "app", options: .unhurried)
            do {
                let cache = cache(redis, Heard())
                observer = cache.options.observer
                #expect(observer != nil)
            }
            #expect(observer == nil)
            other.engine.observers.tell(.circuitOpened)
        }
    }
}
