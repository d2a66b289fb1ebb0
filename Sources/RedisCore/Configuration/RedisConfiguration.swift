/// Where a Redis server is and how to talk to it.
///
/// Make one from a URL, from the `REDIS_*` variables of the environment, from a dictionary of settings, or field by
/// field. Connections are **multiplexed**: one carries the commands of every caller at the same time, so the pool sizes
/// that other clients need become ``commandConnections``, of which 1 is right unless values are large.
public struct RedisConfiguration: Sendable, Hashable {
    /// What a command does while there is no connection.
    public enum OfflineBehavior: Sendable, Hashable {
        /// Waits for the connection, at most until its own deadline, in a queue of `capacity` commands (1 or more).
        case wait(capacity: Int)
        /// Fails at once with ``RedisError/Code/notConnected``.
        case fail
    }

    /// Where the server listens.
    public var endpoint: Endpoint
    /// ACL user; nil uses the server's default user.
    public var username: String?
    /// Its password; never printed.
    public var password: Secret?
    /// Database number, 0 or more; the server's `databases` setting (16 unless changed) ends the range.
    public var database: Int
    /// Name shown in CLIENT LIST: printable ASCII without spaces.
    public var clientName: String?
    /// First part of every key and channel the modules of this package make: 1 to 256 bytes, no `{`, `}` or controls.
    public var prefix: String
    /// Most connections for commands, 1 to 1,024, each opened when it is first needed.
    ///
    /// With more than one, commands take turns: those that wait for each other keep their order, concurrent ones have
    /// none among them. A pipeline, a transaction and a batch of scripts always travel on one.
    public var commandConnections: Int
    /// Command connections opened together with the first, 0 to ``commandConnections``, so that a burst finds them
    /// open.
    public var eagerConnections: Int
    /// Limit for connect and handshake together, 1 ms to 1 hour.
    public var connectTimeout: Duration
    /// Default deadline of a command, from the call to its reply, waiting and retries included: 1 ms to 24 hours.
    public var commandTimeout: Duration
    /// Retries of commands that may be repeated.
    public var retry: RetryPolicy
    /// Pause between connection attempts.
    public var reconnect: ReconnectPolicy
    /// What commands do without a connection.
    public var offline: OfflineBehavior
    /// Heartbeat period of idle connections and of the subscriber, 10 ms to 1 hour.
    ///
    /// A connection ends when nothing came for two periods although a reply is due; the subscriber's when a message of
    /// its own that the server took a period ago has not come back. What lies in the socket is read before either is
    /// judged, so a process that was held up gives up no connection for it.
    public var heartbeat: Duration

    /// A configuration with the defaults of the field, unchecked until ``validated()``.
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
        eagerConnections = 0
        connectTimeout = .seconds(5)
        commandTimeout = .seconds(30)
        retry = RetryPolicy()
        reconnect = ReconnectPolicy()
        offline = .wait(capacity: 65_536)
        heartbeat = .seconds(5)
    }
}
