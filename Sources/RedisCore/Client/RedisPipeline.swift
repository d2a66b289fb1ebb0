/// Commands that are sent in one write, encoded into one buffer as they are added.
///
/// ```swift
/// var pipeline = RedisPipeline()
/// for id in ids { pipeline.get(RedisKey("user:\\(id)")) }
/// let users = try await redis.pipeline(pipeline)
/// ```
///
/// A pipeline is not a transaction: other clients' commands may come between, and one failing does not stop the next.
public struct RedisPipeline: Sendable {
    private var encoder = CommandEncoder.anonymous()
    private(set) var names: [String] = []
    private var objection: RedisError?

    /// An empty pipeline; `expecting` commands of about 64 bytes each are made room for.
    public init(expecting count: Int = 0) {
        guard count > 0 else { return }
        encoder.reserve(count * 64)
        names.reserveCapacity(count)
    }

    /// How many commands it holds.
    public var count: Int { names.count }

    /// Adds a command with its arguments in wire order; mark keys with ``RedisKey``.
    public mutating func append(_ name: String, _ arguments: any RedisArgument...) {
        append(RedisCommand(name, arguments: arguments))
    }

    /// Adds a command.
    public mutating func append(_ command: RedisCommand) {
        if objection == nil { objection = command.sharedObjection }
        add(command.name, command)
    }

    /// Adds GET.
    public mutating func get(_ key: RedisKey) { add("GET", GetCommand(key: key)) }

    /// Adds PUBLISH.
    public mutating func publish(_ payload: some RedisArgument, to channel: String) {
        add("PUBLISH", PublishCommand(channel: channel, payload: payload))
    }

    private mutating func add(_ name: String, _ source: some SingleCommandSource) {
        source.encode(into: &encoder)
        names.append(name)
    }

    // MARK: For the sender

    /// What keeps it from being sent.
    func check() throws(RedisError) {
        if let objection { throw objection }
        guard let flaw = encoder.flaw else { return }
        throw RedisError(.invalidArgument, operation: "pipeline", message: "A command of the pipeline: \(flaw).")
    }

    var isSafeToRepeat: Bool { names.allSatisfy(CommandFacts.isReadOnly) }
}

extension RedisPipeline: CommandSource {
    var replyCount: Int { names.count }

    func encode(into encoder: inout CommandEncoder) { encoder.append(contentsOf: self.encoder) }

    func withShortBytes<T>(_ memory: ShortMemory, _ send: (UnsafeRawBufferPointer) -> T) -> T? {
        encoder.payloads.isEmpty ? encoder.bytes.withUnsafeBytes(send) : nil
    }
}

/// PUBLISH without a buffer of its own.
struct PublishCommand<Payload: RedisArgument>: SingleCommandSource {
    let channel: String
    let payload: Payload

    func encode(into encoder: inout CommandEncoder) {
        encoder.appendEncoded("*3\r\n$7\r\nPUBLISH\r\n")
        encoder.append(channel)
        payload.write(to: &encoder)
    }
}

extension RedisClient {
    /// Sends a pipeline in one write and returns the results in order; one failing does not fail the others.
    ///
    /// One round trip and one resumption for all of it. Throws only when the connection, the deadline or the task's
    /// cancellation ended the whole.
    public func pipeline(
        _ pipeline: RedisPipeline, timeout: Duration? = nil, on role: ConnectionRole = .commands
    ) async throws(RedisError) -> [Result<RedisValue, RedisError>] {
        guard pipeline.count > 0 else { return [] }
        try pipeline.check()
        return try await sender(role).batch(
            pipeline, names: { pipeline.names }, isSafeToRepeat: pipeline.isSafeToRepeat, timeout: timeout
        ).results
    }
}
