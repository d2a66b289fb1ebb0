extension RedisConfiguration {
    /// A connection pool as clients with one caller per connection describe it.
    public struct Pool: Sendable, Hashable {
        /// Most connections for commands, 1 to 1,024.
        public var maxSize: Int
        /// Connections opened at once, 0 to `maxIdle`.
        public var minIdle: Int
        /// Most connections left open without work, 1 to 1,024.
        public var maxIdle: Int
        /// Longest wait of a caller for a connection and its reply.
        public var timeout: Duration

        /// At most 30 connections, 5 opened at once, 10 left open; 30 s.
        public init(maxSize: Int = 30, minIdle: Int = 5, maxIdle: Int = 10, timeout: Duration = .seconds(30)) {
            self.maxSize = maxSize
            self.minIdle = minIdle
            self.maxIdle = maxIdle
            self.timeout = timeout
        }
    }

    /// A configuration in the terms of a pooled client: credentials, pool, retries.
    ///
    /// Connections are shared by all callers and stay open, so both `maxSize` and `maxIdle` bound them:
    /// ``commandConnections`` is the smaller of the two, `minIdle` becomes ``eagerConnections`` and `timeout` the
    /// default deadline of a command, ``commandTimeout``, which includes any wait for a connection.
    ///
    /// Throws code `configuration` naming the field that is out of range.
    public init(
        host: String = "localhost", port: Int = 6379, username: String? = nil, password: Secret? = nil,
        database: Int = 0, pool: Pool, retry: RetryPolicy = RetryPolicy()
    ) throws(RedisError) {
        self.init(
            endpoint: .tcp(host: host, port: port), username: username, password: password, database: database)
        for (field, value) in [("pool.maxSize", pool.maxSize), ("pool.maxIdle", pool.maxIdle)] {
            try Self.require(field, value, in: Self.connections)
        }
        commandConnections = min(pool.maxSize, pool.maxIdle)
        try Self.require("pool.minIdle", pool.minIdle, in: 0...commandConnections)
        try Self.require("pool.timeout", pool.timeout, in: Self.commandTimeouts)
        eagerConnections = pool.minIdle
        commandTimeout = pool.timeout
        self.retry = retry
        try validated()
    }
}
