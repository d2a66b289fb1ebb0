extension RedisConfiguration {
    /// Reads settings by name, as they come out of a YAML or JSON file; an empty value counts as absent.
    ///
    /// | key | default | here |
    /// |---|---|---|
    /// | `addr` | `localhost:6379` | ``endpoint`` as `host:port`; or `host` and `port` apart |
    /// | `username`, `password` | none | ``username``, ``password`` |
    /// | `db` (0 to 15), or `database` (0 and up) | `0` | ``database`` |
    /// | `pool_size`, or `max_connections` | `10` | ``commandConnections``: opened when needed, each shared by all |
    /// | `min_idle` | `0` | ``eagerConnections``: opened at once; not above the pool size |
    /// | `socket_timeout` | `30` | ``commandTimeout``: seconds, or a duration such as `500ms` |
    /// | `prefix` | `signalbox` | ``prefix`` |
    ///
    /// Throws code `configuration` for an unknown key, for two keys that say the same, and for a value that is
    /// unreadable or out of range, naming the key.
    public init(settings: [String: String]) throws(RedisError) {
        let known = [
            "addr", "host", "port", "username", "password", "db", "database", "pool_size", "max_connections",
            "min_idle", "socket_timeout", "prefix",
        ]
        // The smallest, so that the same mistakes always give the same message.
        if let unknown = settings.keys.filter({ !known.contains($0) }).min() {
            throw .configuration("Redis setting", is: unknown, expected: "one of \(known.joined(separator: ", "))")
        }
        let settings = Settings(settings)
        try settings.requireOnlyOne("addr", "host")
        try settings.requireOnlyOne("addr", "port")
        try settings.requireOnlyOne("db", "database")
        try settings.requireOnlyOne("pool_size", "max_connections")
        self.init(endpoint: try Self.endpoint(settings))
        username = settings.text("username")
        password = settings.secret("password")
        // `db` is the key of a document that limits it to the 16 databases of an untouched server.
        let db = try settings.integer("db", in: 0...15)
        database = try settings.integer("database", in: Self.databases) ?? db ?? 0
        let poolSize = try settings.integer("pool_size", in: Self.connections)
        commandConnections = try settings.integer("max_connections", in: Self.connections) ?? poolSize ?? 10
        eagerConnections = try settings.integer("min_idle", in: 0...commandConnections) ?? eagerConnections
        commandTimeout = try Self.socketTimeout(settings) ?? commandTimeout
        prefix = settings.text("prefix") ?? prefix
        try validated()
    }

    private static func endpoint(_ settings: Settings) throws(RedisError) -> Endpoint {
        if let address = settings.text("addr") { return try Endpoint(hostAndPort: address, field: "addr") }
        let host = settings.text("host") ?? "localhost"
        guard Endpoint.isHost(host) else {
            throw .configuration("host", is: host, expected: "a host name or an address, without scheme and port")
        }
        return .tcp(host: host, port: try Endpoint.port(settings.text("port") ?? "6379", field: "port"))
    }

    private static func socketTimeout(_ settings: Settings) throws(RedisError) -> Duration? {
        guard let text = settings.text("socket_timeout"), let seconds = Int(digits: text) else {
            return try settings.duration("socket_timeout")
        }
        return .seconds(try Settings.integer(String(seconds), in: 1...86_400, field: "socket_timeout"))
    }
}

extension Settings {
    fileprivate func requireOnlyOne(_ first: String, _ second: String) throws(RedisError) {
        guard text(first) == nil || text(second) == nil else {
            throw .configuration("the Redis settings \(first) and \(second) say the same; give one of them")
        }
    }
}
