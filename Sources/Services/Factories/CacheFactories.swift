public import Cache
import RedisCore

extension ServiceFactory {
    /// `kvstore_redis`: a `RedisKeyValueStore`.
    ///
    /// Beside the connection: `prefix` (`kv`), `max_value_bytes` (1 MiB), `timeout` (1 s).
    public static let redisKeyValueStore = ServiceFactory("kvstore_redis") { settings in
        StoreSettings(&settings, prefix: "kv")
    } make: { settings, clients in
        RedisKeyValueStore(
            clients.client(settings.redis), prefix: settings.prefix, maxValueBytes: settings.maxValueBytes,
            timeout: settings.timeout)
    }

    /// `kvstore_memory`: an `InMemoryKeyValueStore`.
    ///
    /// `max_entries` (no bound), `max_value_bytes` (1 MiB).
    public static let inMemoryKeyValueStore = ServiceFactory("kvstore_memory") { settings in
        (
            maxEntries: settings.integer("max_entries", in: 1...Int(Int32.max)),
            maxValueBytes: settings.integer("max_value_bytes", in: StoreSettings.valueBytes, default: 1 << 20)
        )
    } make: { settings, _ in
        InMemoryKeyValueStore(maxEntries: settings.maxEntries, maxValueBytes: settings.maxValueBytes)
    }

    /// `redis_cache`: a `RedisCache`.
    ///
    /// Beside the connection: `prefix` (`cache`), `default_ttl` (`1h`, or `never`), `compression` (true),
    /// `compression_threshold` (1,024 bytes), `max_value_bytes` (1 MiB), `timeout` (1 s), `on_failure` (`open`).
    public static let redisCache = ServiceFactory("redis_cache") { settings in
        let store = StoreSettings(&settings, prefix: "cache")
        var options = CacheOptions(maxValueBytes: store.maxValueBytes, timeout: store.timeout)
        options.defaultTTL = settings.ttl("default_ttl", default: .after(.seconds(3_600)))
        options.failure =
            settings.choice("on_failure", of: ["open", "closed"], default: "open") == "open" ? .open : .closed
        let threshold = settings.integer("compression_threshold", in: 0...512 << 20)
        if !settings.flag("compression", default: true) {
            if threshold != nil { settings.report("compression_threshold", "has no meaning without compression") }
            options.compression = .off
        } else if let threshold {
            options.compression = CacheCompression(threshold: threshold)
        }
        return (store: store, options: options)
    } make: { settings, clients in
        RedisCache(
            clients.client(settings.store.redis), prefix: settings.store.prefix, options: settings.options)
    }

    /// `redis`: the `RedisClient` itself.
    ///
    /// Beside the connection: `prefix` (`signalbox`).
    public static let redisClient = ServiceFactory("redis") { settings in
        settings.redisWithPrefix()
    } make: { configuration, clients in
        clients.client(configuration)
    }
}

/// What the services that store values in Redis have in common.
private struct StoreSettings: Sendable {
    let redis: RedisConfiguration
    let prefix: String
    let maxValueBytes: Int
    let timeout: Duration

    static let valueBytes = 1...512 << 20

    init(_ settings: inout ServiceSettings, prefix: String) {
        redis = settings.redis()
        self.prefix = settings.text("prefix", default: prefix)
        maxValueBytes = settings.integer("max_value_bytes", in: Self.valueBytes, default: 1 << 20)
        timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: .seconds(1))
    }
}

extension ServiceSettings {
    /// A time to live: a duration of 1 ms to ten years, a plain number being seconds, or `never`.
    public mutating func ttl(_ key: String, default value: CacheTTL) -> CacheTTL {
        if isWord("never", key) { return .never }
        let range: ClosedRange<Duration> = .milliseconds(1) ... .seconds(10 * 365 * 86_400)
        return duration(key, in: range).map { .after($0) } ?? value
    }
}
