import RedisCore
import TestSupport

@testable import Coordination

/// The server's clock as the scripts see it, in the test's hand: the scripts are the real ones but for where they read
/// the time.
///
/// Times to live of keys go on by the server's real clock; take long ones.
struct ManualServerClock {
    private static let key = "test:clock"

    let server: RedisServer
    let redis: RedisClient
    /// µs since the epoch.
    private(set) var now: Int64 = 1_700_000_000_000_000

    init(_ server: RedisServer, _ redis: RedisClient) throws {
        self.server = server
        self.redis = redis
        try set()
    }

    mutating func advance(_ milliseconds: Int64) throws {
        now += milliseconds * 1_000
        try set()
    }

    private func set() throws {
        try server("DEL", Self.key)
        try server("RPUSH", Self.key, "\(now / 1_000_000)", "\(now % 1_000_000)")
        try server("PEXPIRE", Self.key, "600000")
    }

    /// Runs a script at that time.
    func evaluate(_ script: RedisScript, keys: [RedisKey], _ arguments: any RedisArgument...) async throws -> Int64 {
        let source = script.source.replacing("redis.call('TIME')", with: "redis.call('LRANGE', '\(Self.key)', 0, 1)")
        return try await redis.evaluate(RedisScript(script.name, source), keys: keys, arguments: arguments)
    }
}
