/// A connection that `withExclusiveConnection` lends to its body: for WATCH, and for commands that block.
///
/// It is made for one use at a time and is not made again when lost: every later command then fails.
public struct ExclusiveConnection: Sendable {
    let sender: CommandSender

    /// Sends one command and decodes its reply; blocking commands want a `timeout` beyond their own.
    public func command<T: RedisDecodable>(
        _ command: RedisCommand, as type: T.Type = T.self, timeout: Duration? = nil
    ) async throws(RedisError) -> T {
        try allow(command)
        return try await sender.send(command, Decoded<T>.self, timeout: timeout)
    }

    /// Sends one command and returns the reply as it came.
    @discardableResult
    public func command(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try allow(command)
        return try await sender.send(command, AnyReply.self, timeout: timeout)
    }

    /// Sends commands in one write and returns their results in order.
    public func pipeline(
        _ commands: [RedisCommand], timeout: Duration? = nil
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        for command in commands { try allow(command) }
        return try await sender.pipeline(commands, timeout: timeout)
    }

    private func allow(_ command: RedisCommand) throws(RedisError) {
        guard let objection = CommandFacts.exclusiveObjection(command.name) else { return }
        throw RedisError(
            .invalidArgument, operation: command.name, message: "\(command.name) cannot be sent here: \(objection).")
    }
}

extension RedisClient {
    /// Lends a connection to `body` alone; it goes back to the pool afterwards, or is closed when `body` threw.
    ///
    /// For WATCH and for commands that block (BLPOP, XREAD BLOCK, WAIT): on a shared connection they would stop
    /// everybody else. Cancelling the task fails the command in flight; the connection is then closed, which also
    /// ends the blocked command on the server.
    public func withExclusiveConnection<T>(_ body: (ExclusiveConnection) async throws -> T) async throws -> T {
        let connection = try await exclusive.take()
        var configuration = configuration
        // Whatever was WATCHed, or popped, is gone with the connection: repeating is the caller's decision.
        configuration.retry.maxRetries = 0
        do {
            let value = try await body(ExclusiveConnection(sender: CommandSender(connection, configuration)))
            exclusive.giveBack(connection, isClean: true)
            return value
        } catch {
            exclusive.giveBack(connection, isClean: false)
            throw error
        }
    }
}
