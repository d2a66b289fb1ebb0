extension RedisClient {
    /// Sends one command and decodes its reply.
    ///
    /// One round trip.
    ///
    /// - Parameters:
    ///   - timeout: From now to the reply; `configuration.commandTimeout` (30 s) when nil.
    ///   - role: `.control` for what must not wait behind large values.
    /// - Throws: An error reply by its code; `timedOut`, `connectionLost`, `cancelled`, `closed`, `queueFull`,
    ///   `decoding`. After `wasWritten` the effect is unknown.
    public func command<T: RedisDecodable>(
        _ command: RedisCommand, as type: T.Type = T.self, timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> T {
        try allow(command)
        return try await sender(role).send(command, Decoded<T>.self, timeout: timeout)
    }

    /// Sends one command and returns the reply as it came.
    @discardableResult
    public func command(
        _ command: RedisCommand, timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> RedisValue {
        try allow(command)
        return try await sender(role).send(command, AnyReply.self, timeout: timeout)
    }

    /// Sends commands in one write and returns their results in order; one failing does not fail the others.
    ///
    /// Throws only when the connection, the deadline or the task's cancellation ended the whole.
    public func pipeline(
        _ commands: [RedisCommand], timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        for command in commands { try allow(command) }
        return try await sender(role).pipeline(commands, timeout: timeout)
    }

    private func allow(_ command: RedisCommand) throws(RedisError) {
        if let objection = command.sharedObjection { throw objection }
    }

    /// GET: the value's bytes, nil when there is none.
    ///
    /// One round trip, repeated if its reply was lost.
    public func get(_ key: RedisKey, timeout: Duration? = nil) async throws(RedisError) -> [UInt8]? {
        try await sender(.commands).send(
            GetCommand(key: key), OptionalBytes.self, name: "GET", isSafeToRepeat: true, timeout: timeout)
    }

    /// GET, decoded; nil when there is no value.
    public func get<T: RedisDecodable>(
        _ key: RedisKey, as type: T.Type, timeout: Duration? = nil
    ) async throws(RedisError) -> T? {
        try await sender(.commands).send(
            GetCommand(key: key), Decoded<T?>.self, name: "GET", isSafeToRepeat: true, timeout: timeout)
    }

    /// SET, with PX when `expiresIn` is given (1 ms or more).
    public func set(
        _ key: RedisKey, to value: some RedisArgument, expiresIn: Duration? = nil, timeout: Duration? = nil
    ) async throws(RedisError) {
        var arguments: [any RedisArgument] = [key, value]
        if let expiresIn { arguments += ["PX", try expiresIn.expiryMilliseconds("SET")] as [any RedisArgument] }
        // The same value twice is the same value; only the life of the key begins anew.
        let command = RedisCommand("SET", arguments: arguments).safeToRepeat()
        _ = try await sender(.commands).send(command, AnyReply.self, timeout: timeout)
    }

    /// DEL: how many of the keys existed.
    ///
    /// One round trip; no keys, no round trip.
    @discardableResult
    public func delete(_ keys: RedisKey..., timeout: Duration? = nil) async throws(RedisError) -> Int {
        guard !keys.isEmpty else { return 0 }
        return try await command(RedisCommand("DEL", arguments: keys), as: Int.self, timeout: timeout)
    }

    /// PUBLISH: how many subscribers of this server got it; 0 is not an error.
    ///
    /// Delivery is at most once.
    @discardableResult
    public func publish(_ payload: some RedisArgument, to channel: String) async throws(RedisError) -> Int {
        try await command(RedisCommand("PUBLISH", channel, payload), as: Int.self)
    }

    /// PING: the round trip's length.
    @discardableResult
    public func ping(timeout: Duration? = nil) async throws(RedisError) -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        _ = try await sender(.commands).send(RedisCommand("PING"), AnyReply.self, timeout: timeout)
        return clock.now - start
    }
}

/// GET without a buffer of its own: encoded straight into the connection's.
struct GetCommand: SingleCommandSource {
    let key: RedisKey

    func encode(into encoder: inout CommandEncoder) {
        encoder.appendEncoded(Self.head)
        encoder.append(key.name)
    }

    private static let head: StaticString = "*2\r\n$3\r\nGET\r\n"

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        guard key.name.utf8.count < ShortMemory.size - 64 else { return nil }
        var writer = WireWriter(memory.start)
        writer.write(Self.head)
        writer.writeBulk(key.name)
        return send(writer.bytes)
    }
}

extension Duration {
    /// Milliseconds for PX; what Redis would round to zero, and so delete, is refused.
    package func expiryMilliseconds(_ operation: String) throws(RedisError) -> Int {
        let (seconds, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        guard seconds >= 0, seconds < 1 << 42, seconds > 0 || milliseconds >= 1 else {
            throw RedisError(
                .invalidArgument, operation: operation,
                message: "\(operation): an expiry of \(self) is out of range; it must be 1 ms or more.")
        }
        return Int(seconds) * 1_000 + Int(milliseconds)
    }
}
