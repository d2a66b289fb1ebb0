/// How a command travels: over one connection, with a deadline, cancellation, and repetition where that is safe.
struct CommandSender: Sendable {
    let connection: RedisConnection
    let defaultTimeout: UInt64
    let retry: RetryPolicy

    init(_ connection: RedisConnection, _ configuration: RedisConfiguration) {
        self.connection = connection
        defaultTimeout = configuration.commandTimeout.wholeMilliseconds
        retry = configuration.retry
    }

    /// One command, one reply.
    func send<Source: CommandSource, Sink: ReplySink>(
        _ source: Source, _ sink: Sink.Type, name: StaticString, isSafeToRepeat: Bool, timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        let milliseconds = timeout?.wholeMilliseconds ?? defaultTimeout
        let result = await attempt(source, sink, milliseconds)
        switch result {
        case .success(let value): return value
        case .failure(let error):
            return try await repeatOrThrow(error.naming("\(name)"), isSafeToRepeat) { left in
                await attempt(source, sink, left)
            }
        }
    }

    /// One command, one reply; its name is known at run time only.
    func send<Sink: ReplySink>(
        _ command: RedisCommand, _ sink: Sink.Type, timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        if let flaw = command.encoder.flaw {
            throw RedisError(.invalidArgument, operation: command.name, message: "\(command.name): \(flaw).")
        }
        let milliseconds = timeout?.wholeMilliseconds ?? defaultTimeout
        let result = await attempt(command, sink, milliseconds)
        switch result {
        case .success(let value): return value
        case .failure(let error):
            return try await repeatOrThrow(error.naming(command.name), command.isSafeToRepeat) { left in
                await attempt(command, sink, left)
            }
        }
    }

    /// Several commands in one write.
    func pipeline(
        _ commands: [RedisCommand], timeout: Duration?
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        guard !commands.isEmpty else { return [] }
        for command in commands {
            guard let flaw = command.encoder.flaw else { continue }
            throw RedisError(.invalidArgument, operation: command.name, message: "\(command.name): \(flaw).")
        }
        let milliseconds = timeout?.wholeMilliseconds ?? defaultTimeout
        let result = await attemptBatch(commands, milliseconds)
        switch result {
        case .success(let values): return Self.naming(values, commands)
        case .failure(let error):
            let isSafeToRepeat = commands.allSatisfy(\.isSafeToRepeat)
            let values = try await repeatOrThrow(error.naming("pipeline"), isSafeToRepeat) { left in
                await attemptBatch(commands, left)
            }
            return Self.naming(values, commands)
        }
    }

    private static func naming(
        _ values: [Result<RedisValue, RedisError>], _ commands: [RedisCommand]
    ) -> [Result<RedisValue, RedisError>] {
        guard values.contains(where: { if case .failure = $0 { true } else { false } }) else { return values }
        return zip(values, commands).map { value, command in value.mapError { $0.naming(command.name) } }
    }

    // MARK: One attempt

    private func attempt<Source: CommandSource, Sink: ReplySink>(
        _ source: Source, _ sink: Sink.Type, _ timeout: UInt64
    ) async -> Result<Sink.Output, RedisError> {
        let id = connection.makeID()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                let token = SingleReply<Sink>.token(continuation)
                connection.submit(source, SingleReply<Sink>.self, token: token, id: id, timeout: timeout)
                // Cancelled before the submission: the handler's own call found nothing to cancel.
                if Task.isCancelled { connection.cancel(id) }
            }
        } onCancel: {
            connection.cancel(id)
        }
    }

    private func attemptBatch(
        _ commands: [RedisCommand], _ timeout: UInt64
    ) async -> Result<[Result<RedisValue, RedisError>], RedisError> {
        let id = connection.makeID()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: BatchReply.Continuation) in
                let batch = BatchReply(continuation, count: commands.count)
                connection.submit(commands, BatchReplyHandler.self, token: batch.token, id: id, timeout: timeout)
                if Task.isCancelled { connection.cancel(id) }
            }
        } onCancel: {
            connection.cancel(id)
        }
    }

    // MARK: Repetition

    /// Repeats while the policy and the first attempt's deadline allow; otherwise throws the last error.
    private func repeatOrThrow<T>(
        _ first: RedisError, _ isSafeToRepeat: Bool, _ attempt: (UInt64) async -> Result<T, RedisError>
    ) async throws(RedisError) -> T {
        var error = first
        let deadline = first.deadline ?? LoopTimers.nowMilliseconds() &+ defaultTimeout
        var count = 1
        while error.mayBeRepeated(isSafeToRepeat), let pause = retry.delay(beforeRetry: count) {
            count += 1
            let now = LoopTimers.nowMilliseconds()
            guard now &+ pause.wholeMilliseconds < deadline else { break }
            // A cancelled pause ends the repetition with the error at hand, as a cancelled command.
            do { try await connection.loop.sleep(for: pause) } catch { throw first.cancelledWhileRepeating() }
            let left = LoopTimers.nowMilliseconds()
            guard left < deadline else { break }
            switch await attempt(deadline - left) {
            case .success(let value): return value
            case .failure(let next): error = next.naming(first.operation)
            }
        }
        throw error
    }
}

extension RedisError {
    /// Whether sending the command again can help and cannot harm.
    fileprivate func mayBeRepeated(_ isSafeToRepeat: Bool) -> Bool {
        switch code {
        // The server said that it did nothing.
        case .loading, .busy, .tryAgain, .clusterDown: true
        // Unknown whether it took effect.
        case .connectionLost, .protocolViolation: isSafeToRepeat || !wasWritten
        default: false
        }
    }

    fileprivate func cancelledWhileRepeating() -> RedisError {
        RedisError(
            .cancelled, operation: operation, message: "Cancelled while waiting to repeat the command.",
            address: address, wasWritten: wasWritten, underlying: self)
    }
}

extension Duration {
    /// Milliseconds, rounded up, at least 1, at most about 24 days, which is as good as for ever.
    var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 1 }
        guard seconds < 2_147_483 else { return 2_147_483_000 }
        return max(1, UInt64(seconds) * 1_000 + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}

extension LoopTimers {
    /// The clock of `EventLoop.nowMilliseconds`, read now, from any thread.
    static func nowMilliseconds() -> UInt64 { UInt64(now() / 1_000_000) }
}
