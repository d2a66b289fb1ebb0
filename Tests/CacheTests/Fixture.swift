import Logging
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// A server of the test's own and a client for it; at the end nothing may be left that has no end.
@discardableResult
func withRedis<T>(
    _ options: RedisServerOptions = .init(checksLeaks: true), isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisServer, RedisClient) async throws -> T
) async throws -> T {
    try await withRedisServer(options) { server in
        try await withClient(server.configuration) { redis in try await body(server, redis) }
    }
}

/// A client that is closed at the end.
@discardableResult
func withClient<T>(
    _ configuration: RedisConfiguration, isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisClient) async throws -> T
) async throws -> T {
    var logger = Logger(label: "test.cache")
    logger.logLevel = .critical
    let redis = RedisClient(configuration, logger: logger)
    do {
        let result = try await body(redis)
        await redis.close()
        return result
    } catch {
        await redis.close(drain: .zero)
        throw error
    }
}

/// Checks an error's code and gives the error back.
@discardableResult
func expectError<T>(
    _ code: CacheError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
) async -> CacheError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch let error as CacheError {
        #expect(error.code == code, sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("another error was thrown: \(error)", sourceLocation: sourceLocation)
        return nil
    }
}

/// A value as applications have them.
struct User: Codable, Sendable, Equatable {
    var id: Int
    var name: String
    var tags: [String] = []
}
