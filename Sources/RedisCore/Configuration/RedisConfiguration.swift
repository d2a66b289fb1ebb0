/// Where a Redis server is and how to talk to it.
public struct RedisConfiguration: Sendable, Hashable {
    /// Where the server listens.
    public enum Endpoint: Sendable, Hashable, CustomStringConvertible {
        /// A name or address and a port.
        case tcp(host: String, port: Int)
        /// A Unix socket's path.
        case unix(path: String)

        /// `host:port`, `[::1]:port` or the path.
        public var description: String { "stub" }
    }

    /// What a command does while there is no connection.
    public enum OfflineBehavior: Sendable, Hashable {
        /// Waits for the connection, at most until its own deadline, in a queue of `capacity` commands.
        case wait(capacity: Int)
        /// Fails at once with `notConnected`.
        case fail
    }

    /// Where the server listens.
    public var endpoint: Endpoint
    /// ACL user; nil uses the server's default user.
    public var username: String?
    /// Its password; never printed.
    public var password: Secret?
    /// Database number, 0 or more.
    public var database: Int
    /// Name shown in CLIENT LIST.
    public var clientName: String?
    /// First part of every key and channel the modules of this package make.
    public var prefix: String
    /// Connections for commands; 1 is right unless values are large.
    public var commandConnections: Int
    /// Limit for connect and handshake together.
    public var connectTimeout: Duration
    /// Default deadline of a command.
    public var commandTimeout: Duration
    /// Retries of commands that may be repeated.
    public var retry: RetryPolicy
    /// Pause between connection attempts.
    public var reconnect: ReconnectPolicy
    /// What commands do without a connection.
    public var offline: OfflineBehavior
    /// Heartbeat period of idle connections and of the subscriber; two misses end the connection.
    public var heartbeat: Duration

    /// A configuration with the defaults of the field: see each property.
    public init(
        endpoint: Endpoint = .tcp(host: "localhost", port: 6379), username: String? = nil, password: Secret? = nil,
        database: Int = 0, prefix: String = "signalbox"
    ) {
        self.endpoint = endpoint
        self.username = username
        self.password = password
        self.database = database
        self.prefix = prefix
        clientName = nil
        commandConnections = 1
        connectTimeout = .seconds(5)
        commandTimeout = .seconds(30)
        retry = RetryPolicy()
        reconnect = ReconnectPolicy()
        offline = .wait(capacity: 65_536)
        heartbeat = .seconds(5)
    }

    /// Reads `redis://user:password@host:port/db`, `unix:///path?db=1`; refuses `rediss://` with a clear error.
    public init(url: String) throws(RedisError) { fatalError("stub") }
}

/// A string that never prints itself.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    let value: String
    /// Hides a value.
    public init(_ value: String) { self.value = value }
    /// Always `<secret>`.
    public var description: String { "<secret>" }
    /// Always `<secret>`.
    public var debugDescription: String { "<secret>" }
    /// Nothing to see.
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// How often, and after what pause, a command that may be repeated is repeated.
public struct RetryPolicy: Sendable, Hashable {
    /// Attempts after the first; 0 turns retries off.
    public var maxRetries: Int = 3
    /// Pause before the first retry.
    public var initialDelay: Duration = .milliseconds(100)
    /// Factor from one pause to the next, 1 or more.
    public var multiplier: Double = 2.0
    /// 3 retries: 100 ms, 200 ms, 400 ms.
    public init(maxRetries: Int = 3, initialDelay: Duration = .milliseconds(100), multiplier: Double = 2.0) {
        self.maxRetries = maxRetries
        self.initialDelay = initialDelay
        self.multiplier = multiplier
    }
}

/// Pause between connection attempts: exponential with full jitter, for ever.
public struct ReconnectPolicy: Sendable, Hashable {
    /// Longest first pause.
    public var initialDelay: Duration = .milliseconds(50)
    /// Longest pause at all.
    public var maxDelay: Duration = .seconds(5)
    /// Up to 50 ms, doubling up to 5 s.
    public init(initialDelay: Duration = .milliseconds(50), maxDelay: Duration = .seconds(5)) {
        self.initialDelay = initialDelay
        self.maxDelay = maxDelay
    }
}
