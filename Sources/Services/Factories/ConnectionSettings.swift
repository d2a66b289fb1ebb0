public import RedisCore

extension ServiceSettings {
    /// Longest and shortest times that calls may wait.
    static let timeouts: ClosedRange<Duration> = .milliseconds(1) ... .seconds(86_400)

    /// Where Redis is, by the keys that every service in Redis has.
    ///
    /// | key | default | |
    /// |---|---|---|
    /// | `addr` | `localhost:6379` | `host:port` |
    /// | `url` | | `redis://…` or `unix://…` instead of `addr`; keys beside it replace what it says |
    /// | `username`, `password` | none | may be empty, or a variable that is not set |
    /// | `db` | `0` | 0 to 15 |
    /// | `pool_size` | `10` | most connections, 1 to 1,024: opened when needed, each shared by all |
    public mutating func redis() -> RedisConfiguration {
        var configuration = endpoint()
        configuration.username = optionalText("username") ?? configuration.username
        configuration.password = secret("password") ?? configuration.password
        configuration.database = integer("db", in: 0...15) ?? configuration.database
        configuration.commandConnections = integer("pool_size", in: 1...1_024, default: 10)
        do {
            try configuration.validated()
        } catch {
            report("addr", "cannot work: \(error.message)")
        }
        return configuration
    }

    /// The same for services whose keys begin with the client's prefix: `prefix`, `signalbox` unless given.
    mutating func redisWithPrefix() -> RedisConfiguration {
        var configuration = redis()
        guard let prefix = text("prefix") else { return configuration }
        configuration.prefix = prefix
        do {
            try configuration.validated()
        } catch {
            report("prefix", "cannot work: \(error.message)")
        }
        return configuration
    }

    private mutating func endpoint() -> RedisConfiguration {
        let (address, url) = (text("addr"), text("url"))
        if address != nil, url != nil { report("url", "says the same as 'addr'; give one of them") }
        do {
            guard let url else { return try RedisConfiguration(settings: address.map { ["addr": $0] } ?? [:]) }
            let configuration = try RedisConfiguration(url: url)
            // Services with equal connections could not share a client otherwise.
            if configuration.prefix != RedisConfiguration().prefix {
                report("url", "has a prefix; give it as 'prefix' beside the URL")
            }
            return configuration
        } catch {
            // The message never has a password in it.
            report(url == nil ? "addr" : "url", "cannot be used: \(error.message)")
            return RedisConfiguration()
        }
    }
}
