/// One command, already encoded, that knows its keys.
///
/// Building it costs one buffer; sending it copies the bytes once into the connection's output. Arguments of 64 KiB
/// and more are referenced and streamed in pieces.
///
/// ```swift
/// let old = try await redis.command(RedisCommand("GETSET", RedisKey("k"), "new"), as: String?.self)
/// ```
public struct RedisCommand: Sendable {
    var encoder: CommandEncoder

    /// The command's name as given.
    public let name: String
    /// The keys among the arguments, in order.
    public var keys: [RedisKey] { encoder.keys }
    /// True when sending the command twice has the same effect as once, so that it may be repeated after a lost reply.
    ///
    /// Known read-only commands start as `true`, all others as `false`.
    public var isSafeToRepeat: Bool {
        get { declaredSafe ?? CommandFacts.isReadOnly(name) }
        set { declaredSafe = newValue }
    }

    // Looked up when a reply was lost, which is rare; building a command is not.
    private var declaredSafe: Bool?

    /// A command with its arguments in wire order; mark keys with ``RedisKey``.
    public init(_ name: String, _ arguments: any RedisArgument...) {
        self.init(name, arguments: arguments)
    }

    /// A command whose arguments are already in an array.
    public init(_ name: String, arguments: [any RedisArgument]) {
        self.name = name
        encoder = CommandEncoder()
        encoder.reserve(32 + 24 * arguments.count)
        encoder.begin(argumentCount: arguments.count + 1)
        encoder.append(name)
        for argument in arguments { argument.write(to: &encoder) }
    }

    /// The same command, declared safe to send again when its reply was lost.
    public func safeToRepeat(_ safe: Bool = true) -> RedisCommand {
        var copy = self
        copy.isSafeToRepeat = safe
        return copy
    }
}
