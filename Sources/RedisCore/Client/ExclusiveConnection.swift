/// A connection that `withExclusiveConnection` lends to its body: for WATCH, and for commands that block.
///
/// It is made for one use at a time and is not made again when lost: every later command then fails.
public struct ExclusiveConnection: Sendable {
    let sender: CommandSender
    let use: ExclusiveUse

    /// Sends one command and decodes its reply; blocking commands want a `timeout` beyond their own.
    public func command<T: RedisDecodable>(
        _ command: RedisCommand, as type: T.Type = T.self, timeout: Duration? = nil
    ) async throws(RedisError) -> T {
        try await used(by: [command]) { () async throws(RedisError) in
            try await sender.send(command, Decoded<T>.self, timeout: timeout)
        }
    }

    /// Sends one command and returns the reply as it came.
    @discardableResult
    public func command(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try await used(by: [command]) { () async throws(RedisError) in
            try await sender.send(command, AnyReply.self, timeout: timeout)
        }
    }

    /// Sends commands in one write and returns their results in order.
    public func pipeline(
        _ commands: [RedisCommand], timeout: Duration? = nil
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        try await used(by: commands) { () async throws(RedisError) in
            try await sender.pipeline(commands, timeout: timeout)
        }
    }

    /// Sends what is allowed and notes what it leaves behind.
    func used<T>(
        by commands: [RedisCommand], named name: String? = nil, _ send: () async throws(RedisError) -> T
    ) async throws(RedisError) -> T {
        for command in commands {
            guard let objection = CommandFacts.exclusiveObjection(command) else { continue }
            throw RedisError(
                .invalidArgument, operation: command.name,
                message: "\(command.name) cannot be sent here: \(objection).")
        }
        guard use.begin(commands) else {
            throw RedisError(
                .closed, operation: name ?? commands.first?.name ?? "pipeline",
                message: "The connection was lent for a closure that has ended; it may be somebody else's now.")
        }
        do throws(RedisError) {
            let value = try await send()
            use.answered(commands)
            return value
        } catch {
            // An error reply is an answer.
            if error.serverMessage != nil { use.answered(commands) }
            throw error
        }
    }
}

extension RedisClient {
    /// Lends a connection to `body` alone; it goes back to the pool afterwards.
    ///
    /// It is closed instead when `body` threw, or left something on it for which the next user would pay: a WATCH or a
    /// MULTI that is not ended, a setting of the connection, a reply that is still due.
    ///
    /// For WATCH and for commands that block (BLPOP, XREAD BLOCK, WAIT): on a shared connection they would stop
    /// everybody else. Cancelling the task fails the command in flight; the connection is then closed, which also
    /// ends the blocked command on the server.
    public func withExclusiveConnection<T>(_ body: (ExclusiveConnection) async throws -> T) async throws -> T {
        let connection = try await exclusive.take()
        var configuration = configuration
        // Whatever was WATCHed, or popped, is gone with the connection: repeating is the caller's decision.
        configuration.retry.maxRetries = 0
        let use = ExclusiveUse()
        do {
            let sender = CommandSender(connection, configuration)
            let value = try await body(ExclusiveConnection(sender: sender, use: use))
            exclusive.giveBack(connection, isClean: use.end())
            return value
        } catch {
            _ = use.end()
            exclusive.giveBack(connection, isClean: false)
            throw error
        }
    }
}
