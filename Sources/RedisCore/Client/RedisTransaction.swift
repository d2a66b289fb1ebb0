extension RedisClient {
    /// MULTI … EXEC: all commands one after another with no other client's in between, or none of them.
    ///
    /// One write, one round trip, on a shared connection. There is no rollback: a command that fails while executing (a
    /// wrong type) is a failure among the results, and the others were executed. Repeated after a lost reply only when
    /// every command is safe to repeat. In a cluster all keys must share a hash tag.
    ///
    /// - Throws: `transactionRefused` when the server refused a command beforehand and executed none,
    ///   `invalidArgument` for a command that cannot be part of a transaction, and what ``pipeline(_:timeout:on:)``
    ///   throws.
    public func transaction(
        _ commands: [RedisCommand], timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        let plan = try TransactionPlan(commands)
        let (replies, lost) = try await sender(role).replies(to: plan.wireCommands, timeout: timeout)
        let results = try plan.results(of: replies, address: configuration.endpoint.description)
        guard let lost else { return results }
        return results.map { $0.mapError { $0.following(lost) } }
    }

    /// WATCH … MULTI … EXEC: executes what `body` decides only if no watched key changed since it began to read.
    ///
    /// `body` reads on the connection it is given, and returns the commands to execute; it runs again after a change,
    /// `attempts` times at most. Two round trips and those of `body` per attempt, on a connection of its own.
    ///
    /// ```swift
    /// let results = try await redis.transaction(watching: ["stock:7"], attempts: 10) { connection in
    ///     let left = try await connection.command(RedisCommand("GET", RedisKey("stock:7")), as: Int.self)
    ///     return left > 0 ? [RedisCommand("SET", RedisKey("stock:7"), left - 1)] : []
    /// }
    /// ```
    ///
    /// - Throws: ``RedisError/Code/transactionAborted`` when a watched key changed in every attempt; what `body`
    ///   throws; otherwise as ``transaction(_:timeout:on:)``. A lost connection is never repeated here.
    public func transaction(
        watching keys: [RedisKey], attempts: Int = 1, timeout: Duration? = nil,
        _ body: (ExclusiveConnection) async throws -> [RedisCommand]
    ) async throws -> [Result<RedisValue, RedisError>] {
        guard !keys.isEmpty, attempts > 0 else {
            throw RedisError(
                .invalidArgument, operation: "WATCH",
                message: "A watching transaction needs a key and at least one attempt.")
        }
        let address = configuration.endpoint.description
        // The outcome leaves the closure as a value: a refused transaction leaves the connection clean for the next
        // user.
        let outcome: Result<[Result<RedisValue, RedisError>], RedisError> = try await withExclusiveConnection {
            connection in
            var left = attempts
            while true {
                left -= 1
                try await connection.command(RedisCommand("WATCH", arguments: keys), timeout: timeout)
                let plan = try TransactionPlan(try await body(connection))
                let replies = try await connection.pipeline(plan.wireCommands, timeout: timeout)
                do throws(RedisError) {
                    return .success(try plan.results(of: replies, address: address))
                } catch {
                    guard error.code == .transactionAborted || error.code == .transactionRefused else { throw error }
                    guard error.code == .transactionAborted, left > 0 else { return .failure(error) }
                }
            }
        }
        return try outcome.get()
    }
}
