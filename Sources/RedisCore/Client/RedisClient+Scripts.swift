extension RedisClient {
    /// Runs a script by its SHA; sends the source when the server does not have it.
    ///
    /// One round trip, two when the script must be loaded (after a restart or SCRIPT FLUSH). Every key the script
    /// touches belongs into `keys`.
    public func evaluate<T: RedisDecodable>(
        _ script: RedisScript, keys: [RedisKey], arguments: [any RedisArgument] = [], as type: T.Type = T.self,
        timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> T {
        try await sender(role).evaluate(ScriptCall(script, keys, arguments), Decoded<T>.self, timeout)
    }

    /// Runs one script for many key sets in one round trip; results in order.
    ///
    /// Calls that meet a server without the script are repeated with its source, in a second round trip.
    public func evaluate(
        _ script: RedisScript, batch: [(keys: [RedisKey], arguments: [any RedisArgument])],
        timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        let calls = batch.map { ScriptCall(script, $0.keys, $0.arguments) }
        let sender = sender(role)
        let attempt = calls.map {
            RedisCommand("EVALSHA", arguments: $0.shaArguments).safeToRepeat(script.isSafeToRepeat)
        }
        var results = try await sender.pipeline(attempt, timeout: timeout)
        var missing: [(index: Int, earlier: RedisError)] = []
        for (index, result) in results.enumerated() {
            if case .failure(let error) = result, error.code == .noScript { missing.append((index, error)) }
        }
        guard let first = missing.first?.earlier else { return results }
        let second = missing.map {
            RedisCommand("EVAL", arguments: calls[$0.index].evalArguments).safeToRepeat(script.isSafeToRepeat)
        }
        do throws(RedisError) {
            let repeated = try await sender.pipeline(second, timeout: timeout)
            for ((index, earlier), result) in zip(missing, repeated) {
                results[index] = result.mapError { $0.keepingDoubt(of: earlier) }
            }
            return results
        } catch {
            // They were attempted together.
            throw error.keepingDoubt(of: first)
        }
    }
}

extension ExclusiveConnection {
    /// Runs a script on this connection by its SHA; sends the source when the server does not have it.
    ///
    /// For what has to follow the script on its own connection, as WAIT does. One round trip, two when the script must
    /// be loaded; never repeated. Every key the script touches belongs into `keys`. Between MULTI and EXEC send EVAL
    /// as a command: there the server only says that it was queued.
    ///
    /// - Throws: ``RedisError`` as for ``command(_:as:timeout:)``; `invalidArgument` for an empty key.
    public func evaluate<T: RedisDecodable>(
        _ script: RedisScript, keys: [RedisKey], arguments: [any RedisArgument] = [], as type: T.Type = T.self,
        timeout: Duration? = nil
    ) async throws(RedisError) -> T {
        // A script cannot leave a WATCH, a MULTI or a setting behind: nothing is noted of it.
        try await used(by: [], named: script.name) { () async throws(RedisError) in
            try await sender.evaluate(ScriptCall(script, keys, arguments), Decoded<T>.self, timeout)
        }
    }
}

extension CommandSender {
    fileprivate func evaluate<Sink: ReplySink>(
        _ call: ScriptCall, _ sink: Sink.Type, _ timeout: Duration?
    ) async throws(RedisError) -> Sink.Output {
        let script = call.script
        if let flaw = call.flaw {
            throw RedisError(.invalidArgument, operation: script.name, message: "\(script.name): \(flaw).")
        }
        do {
            return try await send(
                call, sink, name: "EVALSHA", isSafeToRepeat: script.isSafeToRepeat, timeout: timeout)
        } catch  where error.code == .noScript {
            let whole = RedisCommand("EVAL", arguments: call.evalArguments).safeToRepeat(script.isSafeToRepeat)
            let earlier = error
            do throws(RedisError) {
                return try await send(whole, sink, timeout: timeout)
            } catch {
                throw error.keepingDoubt(of: earlier)
            }
        }
    }
}

/// One call of a script; as a command source it writes EVALSHA straight into the connection's buffer.
private struct ScriptCall: SingleCommandSource {
    let script: RedisScript
    let keys: [RedisKey]
    let arguments: [any RedisArgument]

    init(_ script: RedisScript, _ keys: [RedisKey], _ arguments: [any RedisArgument]) {
        self.script = script
        self.keys = keys
        self.arguments = arguments
    }

    var flaw: String? { keys.contains { $0.name.isEmpty } ? "a key is empty" : nil }

    func encode(into encoder: inout CommandEncoder) {
        encoder.begin(argumentCount: 3 + keys.count + arguments.count)
        encoder.appendEncoded("$7\r\nEVALSHA\r\n")
        encoder.append(script.sha)
        encoder.append(Int64(keys.count))
        for key in keys { encoder.append(key.name) }
        for argument in arguments { argument.write(to: &encoder) }
    }

    var shaArguments: [any RedisArgument] { [script.sha, keys.count] + keys + arguments }
    var evalArguments: [any RedisArgument] { [script.source, keys.count] + keys + arguments }
}
