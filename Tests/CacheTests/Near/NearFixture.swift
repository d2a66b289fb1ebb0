import Logging
import RedisCore
import TestSupport
import Testing

@testable import Cache

let quietLogger: Logger = {
    var logger = Logger(label: "test.near")
    logger.logLevel = .critical
    return logger
}()

extension RedisServer {
    /// Clients that reconnect quickly; their heartbeat stays out of the way unless a test wants it.
    func patient(_ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisConfiguration {
        var configuration = self.configuration
        configuration.reconnect = ReconnectPolicy(initialDelay: .milliseconds(2), maxDelay: .milliseconds(20))
        configuration.heartbeat = .seconds(60)
        change(&configuration)
        return configuration
    }
}

extension RedisCache {
    /// A cache with a near cache that is up.
    static func near(
        _ redis: RedisClient, prefix: String = "myapp", _ state: NearStatus.State = .tracking,
        _ options: NearCacheOptions = NearCacheOptions()
    ) async throws -> RedisCache {
        var all = CacheOptions.unhurried
        all.near = options
        let cache = RedisCache(redis, prefix: prefix, options: all)
        try await cache.untilNear(state)
        return cache
    }

    func untilNear(_ state: NearStatus.State) async throws {
        try await eventually("the near cache is \(state)") { near?.state == state }
    }

    var figures: NearFigures { near?.figures ?? NearFigures(flushes: 0) }

    /// Reads until the value is near, and stays there unless something changes.
    ///
    /// The news of an own write may come after the first read that follows it, and drop what that kept.
    func warm(_ key: String, _ expected: String?) async throws {
        try await untilNewsIsRead()
        try await eventually("\(key) is kept") {
            let first: String? = try await get(key)
            let hits = figures.hits
            let second: String? = try await get(key)
            #expect(first == expected && second == expected)
            return figures.hits > hits
        }
    }
}

extension RedisCache {
    /// Returns when the client has read all news of what was changed before: it comes over the same connection as
    /// messages do, in order.
    private func untilNewsIsRead() async throws {
        let channel = "news:\(UInt64.random(in: .min ... .max))"
        let messages = try await engine.redis.subscribe(channels: [channel])
        _ = try await engine.redis.command(RedisCommand("PUBLISH", channel, ""))
        // Also a gap, after which nothing is near that was.
        for await _ in messages { break }
        await messages.cancel()
    }
}

/// Two clients of one server, as two processes would be.
func withTwo<T>(
    _ options: RedisServerOptions = .init(checksLeaks: true), isolation: isolated (any Actor)? = #isolation,
    configure: (inout RedisConfiguration) -> Void = { _ in },
    _ body: (RedisServer, RedisClient, RedisClient) async throws -> T
) async throws -> T {
    try await withRedisServer(options) { server in
        try await withClient(server.patient(configure)) { one in
            try await withClient(server.patient(configure)) { other in try await body(server, one, other) }
        }
    }
}
