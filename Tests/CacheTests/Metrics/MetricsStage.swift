import Logging
import RedisCore
import Synchronization
import TestSupport

@testable import Cache

/// A server, and clients whose caches count into a backend of the test's own.
final class MetricsStage: Sendable {
    let server: RedisServer
    let backend = RecordingMetrics()
    private let held = Mutex<[(client: RedisClient, engine: CacheEngine)]>([])

    init(_ server: RedisServer) { self.server = server }

    /// A client whose engine exists already, and so is that of every cache that is made on it.
    func client(_ configuration: RedisConfiguration? = nil, logger: Logger = quietLogger) -> RedisClient {
        let redis = RedisClient(configuration ?? server.patient(), logger: logger)
        let engine = CacheEngine.of(redis, metrics: CacheMetrics(backend))
        held.withLock { $0.append((redis, engine)) }
        return redis
    }

    /// The usual cache; where `options` do not say how long it waits, no call fails because the machine is busy.
    func cache(_ options: CacheOptions = CacheOptions()) -> RedisCache {
        var options = options
        if options.timeout == CacheOptions().timeout { options.timeout = CacheOptions.unhurried.timeout }
        return RedisCache(client(), prefix: "app", options: options)
    }

    /// What was counted so far.
    var counts: [String: Int] { backend.counters.filter { $0.value != 0 } }

    func close() async {
        for held in held.withLock({ $0 }) { await held.client.close(drain: .zero) }
    }

    /// The server's time, µs.
    func time() throws -> Int64 {
        let parts = try server("TIME").strings.compactMap { Int64($0) }
        return parts[0] * 1_000_000 + parts[1]
    }

    /// Puts an entry there that was written so many seconds ago and was meant to be fresh for some.
    func put(_ value: Int, age: Int64, freshFor: Int64, under key: String) async throws {
        var envelope = Envelope(codec: CacheCodec.json, written: try time() - age * 1_000_000)
        envelope.freshness = .init(freshFor: freshFor * 1_000_000, loadTime: 1)
        let bytes = envelope.pieces(.init("\(value)".utf8), .off).whole(written: envelope.written)
        try await withClient(server.configuration) { redis in
            try await redis.command(RedisCommand("SET", RedisKey("app:\(key)"), bytes, "PX", 600_000))
        }
    }
}

func withMetrics(
    isolation: isolated (any Actor)? = #isolation, _ body: (MetricsStage) async throws -> Void
) async throws {
    try await withRedisServer { server in
        let stage = MetricsStage(server)
        do {
            try await body(stage)
        } catch {
            await stage.close()
            throw error
        }
        await stage.close()
    }
}
