extension RedisConfiguration {
    /// Reads the `REDIS_*` variables of a twelve-factor service; an empty one counts as absent.
    ///
    /// ```swift
    /// let configuration = try RedisConfiguration(environment: ProcessInfo.processInfo.environment)
    /// ```
    ///
    /// | variable | default | here |
    /// |---|---|---|
    /// | `REDIS_URL` | | ``init(url:)``; host, port and what else it says come from it |
    /// | `REDIS_HOST`, `REDIS_PORT` | `localhost`, `6379` | ``endpoint``; not read when `REDIS_URL` is set |
    /// | `REDIS_PASSWORD` | none | ``password``, unless the URL holds one |
    /// | `REDIS_DB` | `0` | ``database``; must not contradict the URL |
    /// | `REDIS_MAX_RETRIES` | `3` | ``RetryPolicy/maxRetries`` |
    /// | `REDIS_POOL_SIZE` | `10` | ``commandConnections``: opened when needed, each shared by all callers |
    /// | `REDIS_MIN_IDLE_CONNS` | `5` | ``eagerConnections``: opened at once; not above the pool size |
    /// | `REDIS_READ_TIMEOUT`, `REDIS_WRITE_TIMEOUT` | `3s`, `3s` | their sum is ``commandTimeout``, which spans writing and reading |
    ///
    /// When only the pool size is given, and is below the default of the idle connections, they follow it. Timeouts
    /// are durations with a unit, as Go reads them; given in the URL as well as here, they are an error.
    ///
    /// Throws code `configuration` naming the variable, its value (no secret) and the range.
    public init(environment: [String: String]) throws(RedisError) {
        let settings = Settings(environment)
        let url = try settings.text("REDIS_URL").map { text throws(RedisError) in try RedisURL(text) }
        if let url {
            self.init(url)
        } else {
            self.init(endpoint: try Self.endpoint(settings))
        }
        password = password ?? settings.secret("REDIS_PASSWORD")
        database = try Self.database(settings, url: url)
        retry.maxRetries = try settings.integer("REDIS_MAX_RETRIES", in: Self.retries) ?? 3
        commandConnections = try settings.integer("REDIS_POOL_SIZE", in: Self.connections) ?? 10
        eagerConnections =
            try settings.integer("REDIS_MIN_IDLE_CONNS", in: 0...commandConnections) ?? min(5, commandConnections)
        commandTimeout = try Self.commandTimeout(settings, url: url)
        try validated()
    }

    private static func endpoint(_ settings: Settings) throws(RedisError) -> Endpoint {
        let host = settings.text("REDIS_HOST") ?? "localhost"
        let port = settings.text("REDIS_PORT") ?? "6379"
        guard Endpoint.isHost(host) else {
            throw .configuration("REDIS_HOST", is: host, expected: "a host name or an address, without scheme and port")
        }
        // Kubernetes sets REDIS_PORT=tcp://10.0.0.1:6379 in every pod that can see a service named `redis`.
        guard !port.contains("://") else {
            throw .configuration(
                "REDIS_PORT", is: port,
                expected: "a port; set REDIS_URL, or `enableServiceLinks: false` when Kubernetes made it")
        }
        return .tcp(host: host, port: try Endpoint.port(port, field: "REDIS_PORT"))
    }

    private static func database(_ settings: Settings, url: RedisURL?) throws(RedisError) -> Int {
        let database = try settings.integer("REDIS_DB", in: databases)
        if let stated = url?.database, let database, stated != database {
            throw .configuration("REDIS_DB is \(database), but REDIS_URL says database \(stated); give one of them")
        }
        return url?.database ?? database ?? 0
    }

    private static func commandTimeout(_ settings: Settings, url: RedisURL?) throws(RedisError) -> Duration {
        let read = try settings.duration("REDIS_READ_TIMEOUT")
        let write = try settings.duration("REDIS_WRITE_TIMEOUT")
        guard let stated = url?.timeout else { return (read ?? .seconds(3)) + (write ?? .seconds(3)) }
        guard read == nil, write == nil else {
            throw .configuration("REDIS_URL has a timeout, and so have REDIS_READ_TIMEOUT or REDIS_WRITE_TIMEOUT")
        }
        return stated
    }
}
