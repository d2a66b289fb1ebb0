import Logging
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Coordination

/// A server of the test's own and a client for it; at the end nothing may be left that a lock or a task made.
@discardableResult
func withRedis<T>(
    _ options: RedisServerOptions = .init(checksLeaks: true), isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisServer, RedisClient) async throws -> T
) async throws -> T {
    try await withRedisServer(options) { server in
        try await withClient(server.configuration) { redis in try await body(server, redis) }
    }
}

/// A client that is closed at the end, after its leases, waiters and subscriptions have gone.
@discardableResult
func withClient<T>(
    _ configuration: RedisConfiguration, isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisClient) async throws -> T
) async throws -> T {
    var logger = Logger(label: "test.coordination")
    logger.logLevel = .critical
    let redis = RedisClient(configuration, logger: logger)
    do {
        let result = try await body(redis)
        let engine = CoordinationEngine.of(redis)
        try await eventually("nothing is left in the engine") { engine.renewals.count == 0 && engine.waits.isIdle }
        await redis.close()
        return result
    } catch {
        await redis.close(drain: .zero)
        throw error
    }
}

extension RedisServer {
    /// Makes the server know a script, so that its first call is EVALSHA without NOSCRIPT.
    func load(_ scripts: RedisScript...) throws {
        for script in scripts { #expect(try self("SCRIPT", "LOAD", script.source) == .bulk(Array(script.sha.utf8))) }
    }
}

extension RedisServer {
    /// How many connections listen to a channel.
    func listeners(_ channel: String) throws -> Int { try self("PUBSUB", "NUMSUB", channel).array?.last?.int ?? 0 }
}

/// What concurrent parts of a test noted, in order.
final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
}

/// How many are inside something, now and at most.
final class Occupancy: Sendable {
    private let counts = Mutex((now: 0, most: 0))

    var most: Int { counts.withLock(\.most) }
    var now: Int { counts.withLock(\.now) }
    func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func leave() { counts.withLock { $0.now -= 1 } }
}

/// Records an issue; unlike `Issue.record` it can be returned from a body without a value.
func fail(_ text: String, sourceLocation: SourceLocation = #_sourceLocation) {
    Issue.record("\(text)", sourceLocation: sourceLocation)
}

/// Checks an error's code and gives the error back.
@discardableResult
func expectError<T>(
    _ code: CoordinationError.Code, sourceLocation: SourceLocation = #_sourceLocation,
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> T
) async -> CoordinationError? {
    do {
        _ = try await body()
        Issue.record("nothing was thrown", sourceLocation: sourceLocation)
        return nil
    } catch let error as CoordinationError {
        #expect(error.code == code, sourceLocation: sourceLocation)
        return error
    } catch {
        Issue.record("another error was thrown: \(error)", sourceLocation: sourceLocation)
        return nil
    }
}
