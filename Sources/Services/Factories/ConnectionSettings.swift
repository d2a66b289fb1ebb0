public import RedisCore

extension ServiceSettings {
    /// Longest and shortest times that calls may wait.
    static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// Where Redis is, by the keys that every service in Redis has; `docs/services.md` lists them.
    ///
    /// `addr` (`localhost:6379`), or `host` and `port`, or `url`, whose parts the other keys replace; `username`,
    /// `password`, `db`, `pool_size` (10), `min_idle`, `connect_timeout`, `command_timeout`, `heartbeat`,
    /// `max_retries`, `client_name`.
    public mutating func redis() -> RedisConfiguration {
        var configuration = endpoint()
        configuration.username = optionalText("username") ?? configuration.username
        configuration.password = secret("password") ?? configuration.password
        configuration.database = integer("db", in: 0...15, default: configuration.database)
        readConnections(&configuration)
        configuration.connectTimeout = duration(
            "connect_timeout", in: .milliseconds(1) ... .seconds(3_600), default: configuration.connectTimeout)
        configuration.commandTimeout = duration(
            "command_timeout", in: Self.timeouts, default: configuration.commandTimeout)
        configuration.heartbeat = duration(
            "heartbeat", in: .milliseconds(10) ... .seconds(3_600), default: configuration.heartbeat)
        configuration.retry.maxRetries = integer(
            "max_retries", in: 0...100, default: configuration.retry.maxRetries)
        configuration.clientName = text("client_name") ?? configuration.clientName
        checkNames(configuration)
        return configuration
    }

    /// Each by itself, as the error has the value; all others were checked where they are read.
    private mutating func checkNames(_ configuration: RedisConfiguration) {
        var one = configuration
        one.clientName = nil
        do {
            try one.validated()
        } catch {
            refuse("username", error, "a name without spaces")
        }
        (one.username, one.clientName) = (nil, configuration.clientName)
        do {
            try one.validated()
        } catch {
            refuse("client_name", error, "printable ASCII without spaces")
        }
    }

    private mutating func readConnections(_ configuration: inout RedisConfiguration) {
        let most = integer("pool_size", in: 1...1_024, default: 10)
        let eager = integer("min_idle", in: 0...1_024, default: configuration.eagerConnections)
        if eager > most { report("min_idle", "is \(eager), more than the pool_size of \(most)") }
        configuration.commandConnections = most
        configuration.eagerConnections = min(eager, most)
    }

    /// The same for services whose keys begin with the client's prefix: `prefix`, `signalbox` unless given.
    mutating func redisWithPrefix() -> RedisConfiguration {
        var configuration = redis()
        configuration.prefix = text("prefix", default: configuration.prefix)
        do {
            try configuration.validated()
        } catch {
            refuse("prefix", error, "1 to 256 bytes without spaces, { and }")
        }
        return configuration
    }

    private mutating func endpoint() -> RedisConfiguration {
        let address = text("addr", default: "localhost:6379")
        let (host, port) = (text("host"), integer("port", in: 1...65_535))
        let url = text("url")
        if has("addr"), has("url") { report("url", "says the same as 'addr'; give one of them") }
        for part in ["host", "port"] where has(part) && (has("addr") || has("url")) {
            report(part, "is part of '\(has("addr") ? "addr" : "url")' already; give one of them")
        }
        if let url { return configuration(url: url) }
        let parts: [String: String?] = ["host": host, "port": port.map { "\($0)" }]
        let settings = host == nil && port == nil ? ["addr": address] : parts.compactMapValues { $0 }
        do {
            return try RedisConfiguration(settings: settings)
        } catch {
            refuse(host == nil ? "addr" : "host", error, "host:port, such as localhost:6379")
            return RedisConfiguration()
        }
    }

    private mutating func configuration(url: String) -> RedisConfiguration {
        do {
            let configuration = try RedisConfiguration(url: url)
            // Services with equal connections could not share a client otherwise.
            if configuration.prefix != RedisConfiguration().prefix {
                report("url", "has a prefix; give it as 'prefix' beside the URL")
            }
            return configuration
        } catch {
            refuse("url", error, "redis://host:port/db or unix:///path")
            return RedisConfiguration()
        }
    }

    /// The message never has a password in it, nor what a variable stands for: it may be the wrong one.
    private mutating func refuse(_ key: String, _ error: RedisError, _ form: String) {
        let reason = isFromVariable(key) ? "what its variable stands for is not \(form)" : error.message
        report(key, "cannot be used: \(reason)")
    }
}
