import Cache
import RedisCore

extension ServiceFactory {
    /// `cache_service`: an `IndexedCache`.
    ///
    /// `namespace` is needed. Beside it and the connection: `prefix` (`signalbox`), `default_ttl` (`15m`, or `never`),
    /// `max_value_bytes` (1 MiB), `timeout` (1 s).
    public static let indexedCache = ServiceFactory("cache_service") { settings in
        var options = CacheOptions()
        let redis = settings.redis()
        let prefix = settings.text("prefix", default: "signalbox")
        let namespace = settings.requiredText("namespace")
        options.defaultTTL = settings.ttl("default_ttl", default: .after(.seconds(900)))
        options.maxValueBytes = settings.integer("max_value_bytes", in: 1...512 << 20, default: 1 << 20)
        options.timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: .seconds(1))
        return (redis: redis, prefix: prefix, namespace: namespace, options: options)
    } make: { settings, clients in
        IndexedCache(
            clients.client(settings.redis), namespace: settings.namespace, defaultTTL: settings.options.defaultTTL,
            prefix: settings.prefix, options: settings.options)
    }

    /// `session_store`: a `RedisSessionStore` of the data that your sessions hold; register it yourself, as no file can
    /// name a type of Swift.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `idle` (`24h`), `absolute` (`7d`), `max_per_user` (no limit),
    /// `timeout` (1 s).
    public static func sessionStore<Value: Codable & Sendable>(
        of data: Value.Type, type: String = "session_store"
    ) -> ServiceFactory {
        ServiceFactory(type) { settings in
            let lives: ClosedRange<Duration> = .milliseconds(1) ... .seconds(10 * 365 * 86_400)
            var options = SessionOptions()
            let redis = settings.redis()
            let prefix = settings.text("prefix", default: "signalbox")
            options.life.idle = settings.duration("idle", in: lives, default: options.life.idle)
            options.life.absolute = settings.duration("absolute", in: lives, default: options.life.absolute)
            options.maxPerUser = settings.integer("max_per_user", in: 1...1_000)
            options.timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: .seconds(1))
            return (redis: redis, prefix: prefix, options: options)
        } make: { settings, clients in
            RedisSessionStore<Value>(clients.client(settings.redis), prefix: settings.prefix, options: settings.options)
        }
    }
}
