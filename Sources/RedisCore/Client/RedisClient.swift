public import Logging

/// A client for one Redis server: connections by role, opened when first needed, shared by every caller.
public final class RedisClient: Sendable {
    /// What the client was made with; the password is not printable.
    public let configuration: RedisConfiguration
    /// The loop that drives its sockets.
    public let eventLoop: EventLoop
    /// Where it logs.
    public let logger: Logger

    /// Makes a client without touching the network; the first command connects.
    public init(_ configuration: RedisConfiguration, eventLoop: EventLoop = .shared, logger: Logger? = nil) {
        fatalError("stub")
    }

    /// Connects and waits for a PING's answer, at most `configuration.connectTimeout` (5 s).
    public static func connect(
        _ configuration: RedisConfiguration, eventLoop: EventLoop = .shared, logger: Logger? = nil
    ) async throws(RedisError) -> RedisClient { fatalError("stub") }

    /// Connects to a URL such as `redis://user:password@host:6379/0` or `unix:///run/redis.sock?db=1`.
    public static func connect(
        _ url: String, eventLoop: EventLoop = .shared, logger: Logger? = nil
    ) async throws(RedisError) -> RedisClient { fatalError("stub") }

    /// Sends one command and decodes its reply.
    public func command<T: RedisDecodable>(
        _ command: RedisCommand, as type: T.Type = T.self, timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> T { fatalError("stub") }

    /// Sends one command and returns the reply as it came.
    @discardableResult
    public func command(
        _ command: RedisCommand, timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> RedisValue { fatalError("stub") }

    /// Sends commands in one write and returns their results in order; one failing does not fail the others.
    public func pipeline(
        _ commands: [RedisCommand], timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] { fatalError("stub") }

    /// Runs a script by its SHA; sends the source when the server does not have it.
    public func evaluate<T: RedisDecodable>(
        _ script: RedisScript, keys: [RedisKey], arguments: [any RedisArgument] = [], as type: T.Type = T.self,
        timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> T { fatalError("stub") }

    /// Runs one script for many key sets in one round trip.
    public func evaluate(
        _ script: RedisScript, batch: [(keys: [RedisKey], arguments: [any RedisArgument])],
        timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] { fatalError("stub") }

    /// PUBLISH: how many subscribers got it.
    public func publish(_ payload: some RedisArgument, to channel: String) async throws(RedisError) -> Int {
        fatalError("stub")
    }

    /// Subscribes; returns when the server confirmed all names. The subscription ends with its value or `cancel()`.
    public func subscribe(
        channels: [String], patterns: [String] = [], buffer: SubscriptionBuffer = .init()
    ) async throws(RedisError) -> RedisSubscription { fatalError("stub") }

    /// The server's health as seen from here, answered within `limit` whatever the server does.
    public func health(within limit: Duration = .seconds(2)) async -> RedisHealth { fatalError("stub") }

    /// Finishes what is in flight (at most `drain`), then closes every connection; later commands fail with `closed`.
    public func close(drain: Duration = .seconds(5)) async { fatalError("stub") }
}

/// Which of a client's connections carries a command.
public enum ConnectionRole: Sendable, Hashable {
    /// Shared by everyone, pipelined automatically.
    case commands
    /// Renewals, releases and heartbeats: never queued behind a large value.
    case control
}
