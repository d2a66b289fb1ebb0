public import Logging
import Synchronization

/// A client for one Redis server: connections by role, opened when first needed, shared by every caller.
///
/// Commands of all callers are pipelined on few connections, in the order they were submitted. A connection that is
/// lost is made again, for ever, until the owner calls ``close(drain:)``.
///
/// **When a reply is lost** the outcome of the command is unknown: it fails with ``RedisError/Code/connectionLost`` and
/// ``RedisError/wasWritten``, unless it is marked safe to repeat (``RedisCommand/isSafeToRepeat``), in which case it is
/// sent again within its deadline. A command that was never written waits for the next connection.
public final class RedisClient: Sendable {
    /// What the client was made with; the password is not printable.
    public let configuration: RedisConfiguration
    /// The loop that drives its sockets.
    public let eventLoop: EventLoop
    /// Where it logs.
    public let logger: Logger

    let commands: [CommandSender]
    let control: CommandSender
    let exclusive: ExclusivePool
    let facts: ClientFacts
    let subscriber: SubscriberConnection
    private let nextSender = Atomic<Int>(0)
    private let closed = Atomic(false)

    /// Makes a client without touching the network; the first command connects.
    ///
    /// With `configuration.eagerConnections` above zero that many connections are opened at once, in the background.
    public init(_ configuration: RedisConfiguration, eventLoop: EventLoop = .shared, logger: Logger? = nil) {
        let logger = logger ?? Logger(label: "signalbox.redis")
        let facts = ClientFacts()
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        self.facts = facts
        commands = (0..<max(1, configuration.commandConnections)).map { _ in
            let connection = RedisConnection(
                configuration, role: "commands", on: eventLoop, logger: logger, observer: facts.note)
            return CommandSender(connection, configuration)
        }
        let controlConnection = RedisConnection(
            configuration, role: "control", on: eventLoop, logger: logger, observer: facts.note)
        control = CommandSender(controlConnection, configuration)
        exclusive = ExclusivePool(configuration, on: eventLoop, logger: logger)
        subscriber = SubscriberConnection(
            configuration, heartbeats: control, on: eventLoop, logger: logger, onReady: facts.noteSubscriber)
        facts.keepTogether(commands.map(\.connection) + [controlConnection, subscriber], exclusive)
        openEagerly()
    }

    deinit {
        // Sockets must not outlive their only owner; nobody can wait for replies any more.
        let (all, subscriber, exclusive) = (commands + [control], subscriber, exclusive)
        eventLoop.execute {
            for sender in all { sender.connection.close(drain: .zero) {} }
            subscriber.close {}
            exclusive.close()
        }
    }

    /// Connects and waits for a PING's answer, at most `configuration.connectTimeout` (5 s).
    ///
    /// Fails with `connectFailed`, `wrongPassword`, … whose text names the address; the client is then closed.
    public static func connect(
        _ configuration: RedisConfiguration, eventLoop: EventLoop = .shared, logger: Logger? = nil
    ) async throws(RedisError) -> RedisClient {
        try configuration.validated()
        let client = RedisClient(configuration, eventLoop: eventLoop, logger: logger)
        do {
            try await client.firstConnection()
            try await client.ping(timeout: configuration.connectTimeout)
            return client
        } catch {
            await client.close(drain: .zero)
            throw error
        }
    }

    /// Connects to a URL such as `redis://user:password@host:6379/0` or `unix:///run/redis.sock?db=1`.
    public static func connect(
        _ url: String, eventLoop: EventLoop = .shared, logger: Logger? = nil
    ) async throws(RedisError) -> RedisClient {
        try await connect(RedisConfiguration(url: url), eventLoop: eventLoop, logger: logger)
    }

    /// Connects, hands the client to `body`, and closes it whatever happens.
    public static func withClient<T>(
        _ configuration: RedisConfiguration, eventLoop: EventLoop = .shared, logger: Logger? = nil,
        _ body: (RedisClient) async throws -> T
    ) async throws -> T {
        let client = try await connect(configuration, eventLoop: eventLoop, logger: logger)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close(drain: .zero)
            throw error
        }
    }

    /// Finishes what is in flight (at most `drain`), then closes every connection; later commands fail with `closed`.
    ///
    /// Subscriptions end. Safe to call twice; returns when every socket is closed, also for a cancelled task.
    public func close(drain: Duration = .seconds(5)) async {
        closed.store(true, ordering: .relaxed)
        await withTaskGroup(of: Void.self) { group in
            for sender in commands + [control] {
                group.addTask { await sender.connection.close(drain: drain) }
            }
            group.addTask { await self.subscriber.close() }
        }
        await eventLoop.run { [exclusive] in exclusive.close() }
    }

    /// True once ``close(drain:)`` was called.
    package var isClosed: Bool { closed.load(ordering: .relaxed) }

    func sender(_ role: ConnectionRole) -> CommandSender {
        switch role {
        case .control: return control
        case .commands:
            guard commands.count > 1 else { return commands[0] }
            let index = nextSender.wrappingAdd(1, ordering: .relaxed).oldValue
            return commands[Int(UInt(bitPattern: index) % UInt(commands.count))]
        }
    }

    private func firstConnection() async throws(RedisError) {
        let connection = commands[0].connection
        let outcome = FirstOutcome<Result<Void, RedisError>>()
        eventLoop.execute { connection.open { outcome.settle($0.map { _ in }) } }
        let result = await withTaskCancellationHandler {
            await outcome.value
        } onCancel: {
            outcome.settle(.failure(.connectCancelled(connection.address)))
        }
        try result.get()
    }

    private func openEagerly() {
        guard configuration.eagerConnections > 0 else { return }
        let eager = commands.prefix(configuration.eagerConnections)
        eventLoop.execute {
            for sender in eager { sender.connection.open { _ in } }
        }
    }
}

extension RedisConnection {
    func close(drain: Duration) async {
        await withUnsafeContinuation { continuation in
            loop.execute { self.close(drain: drain) { continuation.resume() } }
        }
    }
}

/// Which of a client's connections carries a command.
public enum ConnectionRole: Sendable, Hashable {
    /// Shared by everyone, pipelined automatically.
    case commands
    /// Renewals, releases and heartbeats: never queued behind a large value.
    case control
}
