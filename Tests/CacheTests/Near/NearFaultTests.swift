import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What a near cache hands out when it may not be told of changes: nothing, two heartbeats later at the latest.
@Suite struct `A near cache that may be deaf` {
    private let entry = RedisKey("myapp:k")

    private func isKnown(_ cache: RedisCache) -> Bool { entry.withUTF8 { cache.nearLevel?.store.find($0) } != nil }

    @Test func `drops everything when its connection is killed, and begins anew`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            try await cache.set("k", "old")
            try await cache.warm("k", "old")
            let flushes = cache.figures.flushes
            try server("CLIENT", "KILL", "TYPE", "pubsub")
            try server("SET", "myapp:k", "new", "PX", "100000")
            try await eventually("dropped") { cache.figures.flushes > flushes }
            try await cache.untilNear(.tracking)
            try await cache.warm("k", "new")
        }
    }

    @Test func `drops everything when the server restarts`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            try await cache.set("k", "old")
            try await cache.warm("k", "old")
            try await server.restart()
            try await eventually("lost with the server") { try await cache.get("k", as: String.self) == nil }
            try await cache.untilNear(.tracking)
            try await eventually("writable") { (try? await cache.set("k", "new")) != nil }
            try await cache.warm("k", "new")
        }
    }

    @Test func `hands out nothing two heartbeats after the server went silent`() async throws {
        let heartbeat = Duration.milliseconds(60)
        try await withTwo(configure: { $0.heartbeat = heartbeat }) { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            // A busy machine misses such short heartbeats now and then, and with them a call.
            try await eventually("set") { (try? await cache.set("k", "v")) != nil }
            try await cache.warm("k", "v")
            server.pause()
            defer { server.resume() }
            let bound = Moment.now + heartbeat + heartbeat
            var late = 0
            try await eventually("the bound is long past") {
                let asked = Moment.now
                if isKnown(cache), asked > bound { late += 1 }
                return asked > bound + heartbeat
            }
            #expect(late == 0)
            try await eventually("doubtful") { cache.near?.state == .doubtful || cache.near?.state == .connecting }
            server.resume()
            try await eventually("trusted again") { try await cache.get("k", as: String.self) == "v" && isKnown(cache) }
        }
    }

    /// Only the subscriber is half-open: writes go on, nobody is told.
    @Test func `is not stale two heartbeats after its connection went silent`() async throws {
        let heartbeat = Duration.milliseconds(60)
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                configuration.heartbeat = heartbeat
                configuration.reconnect = ReconnectPolicy(initialDelay: .milliseconds(2), maxDelay: .milliseconds(20))
                try await withClient(configuration) { redis in
                    let cache = try await RedisCache.near(redis)
                    try await eventually("set") { (try? await cache.set("k", "old")) != nil }
                    try await cache.warm("k", "old")
                    proxy.silence(connectionsThatSent: "CLIENT TRACKING")
                    let bound = Moment.now + heartbeat + heartbeat
                    try server("SET", "myapp:k", "new", "PX", "100000")
                    var stale = 0
                    try await eventually("the bound is long past") {
                        let asked = Moment.now
                        let value: String? = try await cache.get("k")
                        if value == "old", asked > bound { stale += 1 }
                        return asked > bound + heartbeat
                    }
                    #expect(stale == 0)
                    try await cache.untilNear(.tracking)
                    try await eventually("kept again") {
                        try await cache.get("k", as: String.self) == "new" && isKnown(cache)
                    }
                }
            }
        }
    }

    @Test func `does not keep what was read before it was told again`() async throws {
        try await withTwo { server, redis, _ in
            let cache = try await RedisCache.near(redis)
            let near = try #require(cache.nearLevel)
            let read = try #require(near.begin(entry))
            near.trackingIsInterrupted()
            #expect(near.begin(entry) == nil)
            near.trackingIsReady(asOf: Moment.nanoseconds)
            near.keep(NearBox("old"), of: entry, read, life: nil, size: 3, groups: [])
            #expect(!isKnown(cache) && cache.figures.refusedFills == 1)
            let later = try #require(near.begin(entry))
            near.keep(NearBox("new"), of: entry, later, life: nil, size: 3, groups: [])
            #expect(isKnown(cache))
        }
    }
}
