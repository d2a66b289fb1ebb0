import RedisCore
import ServiceLifecycle
import TestSupport
import Testing

@testable import Cache

/// `onEvent`: a writer in one process, somebody who applies the events in another.
@Suite struct EventInvalidationTests {
    private let channel = "changes"

    private func subscribers(_ server: RedisServer) throws -> Int {
        Int(try server("PUBSUB", "NUMSUB", channel).array?.last?.int ?? 0)
    }

    private func applier(
        _ cache: RedisCache, _ server: RedisServer, _ options: Invalidator.Options = .init(startsClean: false)
    ) async throws -> Task<Void, any Error> {
        let invalidator = Invalidator(cache, strategy: .onEvent(channel: channel), options: options)
        let before = try subscribers(server)
        let task = Task { try await invalidator.run() }
        try await eventually("it listens") { try subscribers(server) > before }
        return task
    }

    @Test func `onEvent is driven by events: without one who applies them nothing but the event happens`() async throws
    {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let writers = RedisCache(redis, prefix: "app", options: .unhurried)
                let invalidator = Invalidator(writers, strategy: .onEvent(channel: channel))
                try await writers.set("user:7", 1)
                // Somebody listens who applies nothing: it is not done by the writer.
                let log = try await redis.subscribe(channels: [channel])
                try await invalidator.afterUpdate("user", id: "7")
                #expect(try await writers.get("user:7", as: Int.self) == 1)
                await log.cancel()
                try await eventually("nobody listens") { try subscribers(server) == 0 }
                let running = try await applier(RedisCache(second, prefix: "app", options: .unhurried), server)
                try await invalidator.afterUpdate("user", id: "7")
                try await eventually("applied") { try await writers.get("user:7", as: Int.self) == nil }
                running.cancel()
                await #expect(throws: CancellationError.self) { try await running.value }
            }
        }
    }

    @Test func `an event that nobody received is applied by its writer`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("user:7", 1)
            try await Invalidator(cache, strategy: .onEvent(channel: channel)).afterUpdate("user", id: "7")
            #expect(try await cache.get("user:7", as: Int.self) == nil)
        }
    }

    @Test func `after a gap all that the missed events may have been about ends`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                let options = Invalidator.Options(entities: ["user"], startsClean: false)
                let running = try await applier(RedisCache(second, prefix: "app", options: .unhurried), server, options)
                try await cache.set("user:7", 1, tags: ["user"])
                try await cache.set("job:7", 1, tags: ["job"])
                try server("CLIENT", "KILL", "TYPE", "pubsub")
                try await eventually("dropped") { try await cache.get("user:7", as: Int.self) == nil }
                #expect(try await cache.get("job:7", as: Int.self) == 1)
                running.cancel()
                _ = await running.result
            }
        }
    }

    @Test func `without known entities a gap, and the time before the start, end everything`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { second in
                let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                try await cache.set("user:7", 1)
                let running = try await applier(RedisCache(second, prefix: "app", options: .unhurried), server, .init())
                try await eventually("clean start") { try await cache.get("user:7", as: Int.self) == nil }
                try await cache.set("user:7", 1)
                try server("CLIENT", "KILL", "TYPE", "pubsub")
                try await eventually("dropped") { try await cache.get("user:7", as: Int.self) == nil }
                running.cancel()
                _ = await running.result
                try await cache.reap()
            }
        }
    }

    @Test func `garbage and other events on the channel are ignored, and told once`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let lines = LogLines()
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let running = try await applier(cache, server)
            try await cache.set("user:7", 1)
            for text in ["x", "{", #"{"type":"order.placed"}"#, "\u{0}"] { try server("PUBLISH", channel, text) }
            try server("PUBLISH", channel, #"{"type":"cache.invalidate","payload":{"entity":"user","id":"7"}}"#)
            try await eventually("applied") { try await cache.get("user:7", as: Int.self) == nil }
            #expect(lines.count(of: "is no event") == 1)
            running.cancel()
            _ = await running.result
            await redis.close()
        }
    }

    @Test func `an event that cannot be read ends what it may have been about, and is told once`() async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            let lines = LogLines()
            let redis = RedisClient(server.configuration, logger: lines.logger)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let options = Invalidator.Options(entities: ["user"], startsClean: false)
            let running = try await applier(cache, server, options)
            let long = String(repeating: "x", count: 20_000)
            for text in [
                #"{"type":"cache.invalidate","payload":{"entity":"user","id":1.5}}"#,
                #"{"type":"cache.invalidate","payload":{"entity":"user","id":"7","note":"\#(long)"}}"#,
            ] {
                try await cache.set("user:7", 1, tags: ["user"])
                try await cache.set("job:7", 1, tags: ["job"])
                try server("PUBLISH", channel, text)
                try await eventually("dropped") { try await cache.get("user:7", as: Int.self) == nil }
                #expect(try await cache.get("job:7", as: Int.self) == 1)
            }
            #expect(lines.count(of: "cannot be read") == 1)
            running.cancel()
            _ = await running.result
            await redis.close()
        }
    }

    @Test func `Redis being away at the start is waited for`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            await server.kill()
            let invalidator = Invalidator(cache, strategy: .onEvent(channel: channel))
            let running = Task { try await invalidator.run() }
            try await server.start()
            try await eventually("it listens", within: .seconds(60)) { try subscribers(server) == 1 }
            try await eventually("the start was clean", within: .seconds(60)) {
                try server("EXISTS", "{app}:epoch") == 1
            }
            running.cancel()
            _ = await running.result
            try await cache.reap()
        }
    }

    @Test func `a graceful shutdown ends the run when what has arrived is applied`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let options = Invalidator.Options(startsClean: false)
            let invalidator = Invalidator(cache, strategy: .onEvent(channel: channel), options: options)
            let group = ServiceGroup(services: [invalidator], logger: redis.logger)
            let running = Task { try await group.run() }
            try await eventually("it listens") { try subscribers(server) == 1 }
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<100).map { ("user:\($0)", $0) }))
            for id in 0..<100 { try await invalidator.afterUpdate("user", id: "\(id)") }
            try await eventually("the last has arrived") { try await cache.get("user:99", as: Int.self) == nil }
            await group.triggerGracefulShutdown()
            try await running.value
            #expect(try await cache.getMany((0..<100).map { "user:\($0)" }, as: Int.self).isEmpty)
            // The server may not have read it yet.
            try await eventually("nobody listens") { try subscribers(server) == 0 }
        }
    }

    @Test func `with other strategies run waits for the shutdown`() async throws {
        try await withRedis { _, redis in
            let invalidator = Invalidator(RedisCache(redis, prefix: "app", options: .unhurried))
            let group = ServiceGroup(services: [invalidator], logger: redis.logger)
            let running = Task { try await group.run() }
            await group.triggerGracefulShutdown()
            try await running.value
        }
    }

    @Test func `events that arrive together are applied together`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let running = try await applier(cache, server)
            try await cache.setMany(Dictionary(uniqueKeysWithValues: (0..<500).map { ("user:\($0)", $0) }))
            try await cache.invalidate(tags: "warm")
            let before = try server.calls(of: "set")
            let client = try server.connect()
            var burst: [UInt8] = []
            for id in 0..<500 {
                let json = "{\"type\":\"cache.invalidate\",\"payload\":{\"entity\":\"user\",\"id\":\"\(id)\"}}"
                burst += Array("*3\r\n$7\r\nPUBLISH\r\n$7\r\nchanges\r\n$\(json.utf8.count)\r\n\(json)\r\n".utf8)
            }
            try client.send(raw: burst)
            try await eventually("applied") {
                try await cache.getMany((0..<500).map { "user:\($0)" }, as: Int.self).isEmpty
            }
            // One stamp for each object and one for the lists each time: far from two for each event.
            #expect(try server.calls(of: "set") - before < 800)
            running.cancel()
            _ = await running.result
        }
    }
}
