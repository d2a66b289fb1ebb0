/// How a command travels: over one connection, with a deadline, cancellation, and repetition where that is safe.
final class CommandSender: Sendable {
    let connection: RedisConnection
    let defaultTimeout: UInt64
    let retry: RetryPolicy

    init(_ connection: RedisConnection, _ configuration: RedisConfiguration) {
        self.connection = connection
        defaultTimeout = configuration.commandTimeout.wholeMilliseconds
        retry = configuration.retry
    }

    /// One command, one reply.
    ///
    /// `name` is asked for only when something failed.
    @inline(__always)
    func send<Source: CommandSource, Sink: ReplySink>(
        _ source: Source, _ sink: Sink.Type, name: @autoclosure () -> String, isSafeToRepeat: Bool, timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        let result = await withUnsafeContinuation { start(source, sink, timeout: timeout, $0) }
        if case .success(let value) = result { return value }
        return try await finish(
            result, source, sink, name: name(), isSafeToRepeat: isSafeToRepeat, timeout: timeout)
    }

    /// The first half of `send`, for callers that suspend themselves: each frame between a task and its continuation
    /// costs some 500 instructions.
    @inline(__always)
    func start<Source: CommandSource, Sink: ReplySink>(
        _ source: Source, _ sink: Sink.Type, timeout: Duration?, _ continuation: Sink.Continuation
    ) {
        guard !Task.isCancelled else {
            return continuation.resume(returning: .failure(.cancelledUnsent(address: connection.address)))
        }
        connection.submit(
            source, Sink.handler, token: Sink.token(continuation), timeout: timeout?.wholeMilliseconds ?? defaultTimeout
        )
    }

    /// The second half, when the first gave no value.
    @inline(never)
    func finish<Source: CommandSource, Sink: ReplySink>(
        _ first: Result<Sink.Output, RedisError>, _ source: Source, _ sink: Sink.Type, name: String,
        isSafeToRepeat: Bool, timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        let milliseconds = timeout?.wholeMilliseconds ?? defaultTimeout
        return try await settle(first, source, sink, name, isSafeToRepeat, milliseconds).get()
    }

    /// One command, one reply; its name is known at run time only.
    func send<Sink: ReplySink>(
        _ command: RedisCommand, _ sink: Sink.Type, timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        try check(command)
        return try await send(
            command, sink, name: command.name, isSafeToRepeat: command.isSafeToRepeat, timeout: timeout)
    }

    /// Several commands in one write.
    func pipeline(
        _ commands: [RedisCommand], timeout: Duration?
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        try await replies(to: commands, timeout: timeout).results
    }

    /// As `pipeline`, with the last attempt before that may have taken effect, if it was lost.
    func replies(
        to commands: [RedisCommand], timeout: Duration?
    ) async throws(RedisError) -> (results: [Result<RedisValue, RedisError>], lost: RedisError?) {
        guard !commands.isEmpty else { return ([], nil) }
        for command in commands { try check(command) }
        return try await batch(
            commands, names: { commands.map(\.name) }, isSafeToRepeat: commands.allSatisfy(\.isSafeToRepeat),
            timeout: timeout)
    }

    /// Several commands as one entry; names and safety are asked for only when something failed.
    func batch(
        _ source: some CommandSource, names: () -> [String], isSafeToRepeat: @autoclosure () -> Bool, timeout: Duration?
    ) async throws(RedisError) -> (results: [Result<RedisValue, RedisError>], lost: RedisError?) {
        if Task.isCancelled { throw RedisError.cancelledUnsent("pipeline", address: connection.address) }
        let milliseconds = timeout?.wholeMilliseconds ?? defaultTimeout
        var result = await attemptBatch(source, milliseconds)
        var lost: RedisError?
        if case .failure(let error) = result {
            (result, lost) = await repeating(error.naming("pipeline"), isSafeToRepeat(), milliseconds) { left in
                await attemptBatch(source, left)
            }
        }
        let values = try result.get().results(address: connection.address)
        guard values.contains(where: { if case .failure = $0 { true } else { false } }) else { return (values, lost) }
        let named = zip(values, names()).map { value, name in
            value.mapError { [lost] error in
                let named = error.naming(name)
                return lost.map(named.following) ?? named
            }
        }
        return (named, lost)
    }

    private func check(_ command: RedisCommand) throws(RedisError) {
        guard let flaw = command.encoder.flaw else { return }
        throw RedisError(.invalidArgument, operation: command.name, message: "\(command.name): \(flaw).")
    }

    // MARK: What is not the rule

    /// A late reply is waited for again, now cancellable; a failed command is repeated where that is safe.
    private func settle<Source: CommandSource, Sink: ReplySink>(
        _ first: Result<Sink.Output, RedisError>, _ source: Source, _ sink: Sink.Type, _ name: String,
        _ isSafeToRepeat: Bool, _ timeout: UInt64
    ) async -> Result<Sink.Output, RedisError> {
        let settled = await unpark(first, sink)
        guard case .failure(let error) = settled else { return settled }
        return await repeating(error.naming(name), isSafeToRepeat, timeout) { left in
            let result = await withUnsafeContinuation { continuation in
                connection.submit(source, Sink.handler, token: Sink.token(continuation), timeout: left)
            }
            return await unpark(result, sink)
        }.result
    }

    private func unpark<Sink: ReplySink>(
        _ result: Result<Sink.Output, RedisError>, _ sink: Sink.Type
    ) async -> Result<Sink.Output, RedisError> {
        guard case .failure(let error) = result, let parked = error.underlying as? ParkedReply<Sink> else {
            return result
        }
        return await parked.value(from: connection)
    }

    private func attemptBatch(
        _ source: some CommandSource, _ timeout: UInt64
    ) async -> Result<ReplyTape, RedisError> {
        let id = connection.makeID()
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: BatchReply.Continuation) in
                let batch = BatchReply(continuation, count: source.replyCount)
                connection.submit(source, BatchReply.Handler.self, token: batch.token, id: id, timeout: timeout)
                // Cancelled before the submission: the handler's own call found nothing to cancel.
                if Task.isCancelled { connection.cancel(id) }
            }
        } onCancel: {
            connection.cancel(id)
        }
    }

    /// Repeats while the policy and the first attempt's deadline allow; otherwise the last error.
    ///
    /// `lost` stands beside a success: the attempt before it whose effect is unknown. Its replies may be refusals.
    private func repeating<T>(
        _ first: RedisError, _ isSafeToRepeat: Bool, _ timeout: UInt64,
        _ attempt: (UInt64) async -> Result<T, RedisError>
    ) async -> (result: Result<T, RedisError>, lost: RedisError?) {
        var error = first
        // A refusal (LOADING, BUSY) comes at once and does not tell when its command began.
        let deadline = first.deadline ?? LoopTimers.nowMilliseconds() &+ timeout
        var count = 1
        while error.mayBeRepeated(isSafeToRepeat), let pause = retry.delay(beforeRetry: count) {
            count += 1
            guard LoopTimers.nowMilliseconds() &+ pause.wholeMilliseconds < deadline else { break }
            do { try await connection.loop.sleep(for: pause) } catch _ {
                return (.failure(error.cancelledWhileRepeating()), nil)
            }
            let now = LoopTimers.nowMilliseconds()
            guard now < deadline else { break }
            switch await attempt(deadline - now) {
            case .success(let value): return (.success(value), error.isEffectUnknown ? error : nil)
            // What an earlier attempt may have done stays possible.
            case .failure(let next):
                error = next.naming(first.operation).keepingDoubt(of: error)
            }
        }
        return (.failure(error), nil)
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
            address: address, wasWritten: isEffectUnknown, underlying: self)
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
