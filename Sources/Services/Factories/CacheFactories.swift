import Cache
import RedisCore

extension ServiceFactory {
    /// `kvstore_redis`: a `RedisKeyValueStore`.
    ///
    /// Beside the connection: `prefix` (`kv`), `default_ttl` (`never`), `serializer`, `compression`,
    /// `max_value_bytes` (1 MiB), `timeout` (1 s).
    public static let redisKeyValueStore = ServiceFactory("kvstore_redis") { settings in
        var options = CacheOptions(defaultTTL: .never, failure: .closed)
        let redis = settings.redis()
        let prefix = settings.text("prefix", default: "kv")
        settings.readStore(&options)
        options.compression = settings.compression(options.compression)
        options.timeout = settings.duration("timeout", in: ServiceSettings.timeouts, default: options.timeout)
        return (redis: redis, prefix: prefix, options: options)
    } make: { settings, clients in
        RedisKeyValueStore(
            clients.client(settings.redis), prefix: settings.prefix, defaultTTL: settings.options.defaultTTL,
            serializer: settings.options.serializer, compression: settings.options.compression,
            maxValueBytes: settings.options.maxValueBytes, timeout: settings.options.timeout)
    }

    /// `kvrepository_redis`: another name of `kvstore_redis`, which some programs' files have.
    public static let redisKeyValueRepository = redisKeyValueStore.named("kvrepository_redis")

    /// `kvstore_memory`: an `InMemoryKeyValueStore`.
    ///
    /// `max_entries` (no bound), `default_ttl` (`never`), `serializer`, `max_value_bytes` (1 MiB).
    public static let inMemoryKeyValueStore = ServiceFactory("kvstore_memory") { settings in
        var options = CacheOptions(defaultTTL: .never)
        let maxEntries = settings.optionalInteger("max_entries", in: 1...Int(Int32.max))
        settings.readStore(&options)
        return (maxEntries: maxEntries, options: options)
    } make: { settings, _ in
        InMemoryKeyValueStore(
            maxEntries: settings.maxEntries, defaultTTL: settings.options.defaultTTL,
            serializer: settings.options.serializer, maxValueBytes: settings.options.maxValueBytes)
    }

    /// `redis_cache`: a `RedisCache`.
    ///
    /// Beside the connection: `prefix` (`cache`), and every field of `CacheOptions`, with nested mappings for
    /// `remember`, `near`, `compression`.
    public static let redisCache = ServiceFactory("redis_cache") { settings in
        (
            redis: settings.redis(), prefix: settings.text("prefix", default: "cache"),
            options: settings.cacheOptions()
        )
    } make: { settings, clients in
        RedisCache(clients.client(settings.redis), prefix: settings.prefix, options: settings.options)
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

extension ServiceSettings {
    /// What key-value stores have in common, in Redis or not.
    fileprivate mutating func readStore(_ options: inout CacheOptions) {
        options.defaultTTL = ttl("default_ttl", default: options.defaultTTL)
        options.serializer = serializer(options.serializer)
        options.maxValueBytes = bytes("max_value_bytes", in: Self.valueBytes, default: options.maxValueBytes)
    }
}
