extension RedisConfiguration {
    /// Reads a URL; whatever it does not say has its default.
    ///
    /// - `redis://user:password@host:6379/1`, `redis://:password@host`, `redis://[::1]:6380`, `redis://` (localhost)
    /// - `unix:///run/redis.sock?db=1&user=app&password=…`
    ///
    /// Options after the `?`: `db`, `timeout` (the default deadline of commands: `500ms`, `3s`), `client_name`,
    /// `prefix`, `user`, `password`; any other is an error, as is one given twice. User, password, path and option
    /// values are percent-decoded. `rediss://` (TLS) is refused for now.
    ///
    /// Throws code `configuration`; the message names the part and never holds a password.
    public init(url: String) throws(RedisError) {
        try self.init(RedisURL(url))
        try validated()
    }

    /// Unchecked: the environment's variables may still fill in what the URL leaves open.
    init(_ url: RedisURL) {
        self.init(endpoint: url.endpoint, username: url.username, password: url.password, database: url.database ?? 0)
        if let timeout = url.timeout { commandTimeout = timeout }
        if let prefix = url.prefix { self.prefix = prefix }
        clientName = url.clientName
    }
}
