import Logging
import RedisCore
import TestSupport

/// A client's configuration that reconnects quickly and whose heartbeat stays out of the way unless a test wants it.
func impatient(_ address: TestAddress, _ change: (inout RedisConfiguration) -> Void = { _ in }) -> RedisConfiguration {
    var configuration = address.configuration
    configuration.connectTimeout = .seconds(60)
    configuration.commandTimeout = .seconds(60)
    configuration.reconnect = ReconnectPolicy(initialDelay: .milliseconds(2), maxDelay: .milliseconds(20))
    configuration.retry = RetryPolicy(maxRetries: 3, initialDelay: .milliseconds(2), multiplier: 2)
    configuration.heartbeat = .seconds(60)
    change(&configuration)
    return configuration
}

/// For ``impatient(_:_:)``: a heartbeat that finds a silent peer soon.
///
/// A process that is held up for two periods gives up good connections too, so what may be repeated is.
func restless(_ heartbeat: Duration) -> (inout RedisConfiguration) -> Void {
    { configuration in
        configuration.heartbeat = heartbeat
        configuration.retry.maxRetries = 100
    }
}

/// Errors are expected here: what the client says about them is not part of a test's output.
let quietLogger: Logger = {
    var logger = Logger(label: "test.faults")
    logger.logLevel = .critical
    return logger
}()

/// A connected client that is closed at the end.
func withClient<T>(
    _ configuration: RedisConfiguration, isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisClient) async throws -> T
) async throws -> T {
    let client = try await RedisClient.connect(configuration, logger: quietLogger)
    do {
        let value = try await body(client)
        await client.close(drain: .zero)
        return value
    } catch {
        await client.close(drain: .zero)
        throw error
    }
}

/// A client that has not connected yet, closed at the end.
func withLazyClient<T>(
    _ configuration: RedisConfiguration, isolation: isolated (any Actor)? = #isolation,
    _ body: (RedisClient) async throws -> T
) async throws -> T {
    let client = RedisClient(configuration, logger: quietLogger)
    do {
        let value = try await body(client)
        await client.close(drain: .zero)
        return value
    } catch {
        await client.close(drain: .zero)
        throw error
    }
}

/// A server, a proxy in front of it, and a client that goes through the proxy.
func withFaultyClient<T>(
    _ options: RedisServerOptions = .init(), isolation: isolated (any Actor)? = #isolation,
    configure: (inout RedisConfiguration) -> Void = { _ in },
    _ body: (RedisServer, FaultProxy, RedisClient) async throws -> T
) async throws -> T {
    try await withRedisServer(options) { server in
        try await withFaultProxy(to: server.tcp) { proxy in
            try await withClient(impatient(proxy.address, configure)) { client in
                try await body(server, proxy, client)
            }
        }
    }
}

/// Returns when the client knows that it has no connection: what it is given then waits.
func untilDisconnected(_ client: RedisClient) async throws {
    try await eventually("the loss is noticed") {
        let error = try await failure { try await client.command(RedisCommand("PING"), timeout: .milliseconds(20)) }
        return error?.code == .timedOut && error?.wasWritten == false
    }
}

/// The error of an operation that has to fail, or nil, within a time limit.
func failure<T: Sendable>(
    within limit: Duration = .seconds(60), _ body: @escaping @Sendable () async throws -> T
) async throws -> RedisError? {
    do {
        _ = try await TestSupport.within(limit) { try await body() }
        return nil
    } catch let error as RedisError {
        return error
    }
}
