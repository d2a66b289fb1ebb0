/// A MULTI/EXEC transaction as a value: what to send, and what the replies mean.
///
/// All commands of ``wireCommands`` must go to one connection without another's in between; WATCH and the reads it
/// guards are sent on that connection before.
struct TransactionPlan: Sendable {
    let commands: [RedisCommand]

    /// True when repeating the whole has the same effect as once.
    var isSafeToRepeat: Bool { commands.allSatisfy(\.isSafeToRepeat) }

    /// MULTI, the commands, EXEC; as many replies are expected.
    var wireCommands: [RedisCommand] {
        [RedisCommand("MULTI").safeToRepeat(isSafeToRepeat)] + commands
            + [RedisCommand("EXEC").safeToRepeat(isSafeToRepeat)]
    }

    /// Refuses commands that end, nest or leave a transaction, or that answer otherwise than once.
    init(_ commands: [RedisCommand]) throws(RedisError) {
        if let command = commands.first(where: { Self.forbidden.contains($0.name.uppercased()) }) {
            throw RedisError(
                .invalidArgument, operation: command.name,
                message: "\(command.name) cannot be part of a transaction; send it before or after")
        }
        self.commands = commands
    }

    private static let forbidden: Set<String> = [
        "MULTI", "EXEC", "DISCARD", "WATCH", "RESET", "QUIT", "HELLO", "AUTH", "SELECT", "MONITOR", "SYNC", "PSYNC",
        "SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE",
    ]

    /// The commands' results in order, or why there are none.
    ///
    /// Throws ``RedisError/Code/transactionAborted`` when a watched key changed (nothing was executed),
    /// ``RedisError/Code/transactionRefused`` when the server refused a command while queueing (nothing was executed),
    /// and the error of MULTI or EXEC otherwise. A command that fails while executing is a failure among the results;
    /// the others were executed all the same.
    func results(
        of replies: [Result<RedisValue, RedisError>], address: String? = nil
    ) throws(RedisError) -> [Result<RedisValue, RedisError>] {
        guard replies.count == commands.count + 2, let begin = replies.first, let end = replies.last else {
            throw violation("\(replies.count) replies to \(commands.count + 2) commands", address)
        }
        if case .failure(let error) = begin { throw notBegun(error, address) }
        switch end {
        case .success(.array(let values)):
            guard values.count == commands.count else {
                throw violation("EXEC answered \(values.count) results to \(commands.count) commands", address)
            }
            return zip(commands, values).map { command, value in
                guard case .error(let text) = value else { return .success(value) }
                return .failure(RedisError(serverReply: text, operation: command.name, address: address))
            }
        case .success(.null):
            throw RedisError(
                .transactionAborted, operation: "EXEC",
                message: "a watched key changed, so nothing was executed; read again and repeat", address: address)
        case .success:
            throw violation("EXEC did not answer a list", address)
        case .failure(let error):
            throw refusal(error, replies.dropFirst().dropLast(), address)
        }
    }

    /// EXECABORT says only that a command was refused; the reason stands in that command's own reply.
    private func refusal(
        _ error: RedisError, _ queued: ArraySlice<Result<RedisValue, RedisError>>, _ address: String?
    ) -> RedisError {
        guard error.code == .transactionRefused else { return error }
        for (command, reply) in zip(commands, queued) {
            guard case .failure(let reason) = reply else { continue }
            return RedisError(
                .transactionRefused, operation: command.name,
                message: "\(command.name) was refused, so nothing of the transaction was executed: \(reason.message)",
                serverMessage: reason.serverMessage, address: address, underlying: reason)
        }
        return error
    }

    /// The commands behind a refused MULTI were not queued but executed, one by one.
    private func notBegun(_ error: RedisError, _ address: String?) -> RedisError {
        guard error.serverMessage != nil else { return error }
        // Without the server's words: with them it would be a refusal, after which nothing has changed.
        return RedisError(
            error.code, operation: "MULTI",
            message: "the transaction did not begin, its commands may have been executed one by one: \(error.message)",
            address: address, wasWritten: true, underlying: error)
    }

    private func violation(_ message: String, _ address: String?) -> RedisError {
        RedisError(
            .protocolViolation, operation: "EXEC", message: message + "; close the connection", address: address,
            wasWritten: true)
    }
}
