public import Logging
public import RedisCore

/// A private `redis-server` that lives as long as its owner.
public final class EmbeddedRedis: Sendable {
    /// How to start it.
    public struct Options: Sendable {
        /// Data and socket folder; nil makes a temporary one that is removed at the end.
        public var directory: String?
        /// Append-only file on.
        public var appendOnly: Bool = false
        /// Also listen on this loopback TCP port (0 picks a free one); nil means Unix socket only.
        public var tcpPort: Int?
        /// Further `redis-server` directives, e.g. `["maxmemory": "100mb"]`.
        public var directives: [String: String] = [:]
        /// Executable to start; nil searches `PATH`.
        public var executable: String?
        /// Start it again when it dies.
        public var restarts: Bool = true
        /// The defaults.
        public init() {}
    }

    /// Starts a server and waits until it answers.
    public static func start(_ options: Options = .init(), logger: Logger? = nil) async throws -> EmbeddedRedis {
        fatalError("stub")
    }
    /// How to reach it over its Unix socket.
    public var configuration: RedisConfiguration { fatalError("stub") }
    /// `unix:///…/redis.sock`.
    public var url: String { fatalError("stub") }
    /// The loopback port, when one was asked for.
    public var tcpPort: Int? { fatalError("stub") }
    /// The server's process id.
    public var processID: Int32 { fatalError("stub") }
    /// How often it was started again.
    public var restarts: Int { fatalError("stub") }
    /// Stops the server and removes what it left (not a given `directory`). Safe to call twice.
    public func stop() async { fatalError("stub") }
}
