public import Cache
import RedisCore

extension ServiceFactory {
    /// `cache_service`: an `IndexedCache`.
    ///
    /// `namespace` or `preset` (`confirmation`, `signup`, `session`, `rate_limit`) is needed. Beside them and the
    /// connection: `prefix` (`signalbox`), `default_ttl` (`15m`, or the preset's), what values are stored like, and
    /// `expiry`.
    public static let indexedCache = ServiceFactory("cache_service") { settings in
        IndexedSettings(&settings)
    } make: { settings, clients in
        IndexedCache(
            clients.client(settings.redis), namespace: settings.namespace, defaultTTL: settings.options.defaultTTL,
            prefix: settings.prefix, options: settings.options, expiry: settings.expiry)
    }

    /// `expiry_sweeper`: an `ExpirySweeper` that tells `onExpire` of what ends in a `cache_service`; register it
    /// yourself, as no file can hold a handler, and run it.
    ///
    /// ```swift
    /// try services.register(.expirySweeper { expired in … })
    /// try services.load("services.yaml")
    /// let sweeper: ExpirySweeper = try services.get("sweeper")
    /// try await ServiceGroup(services: [services, sweeper], logger: logger).run()
    /// ```
    ///
    /// `cache`, the name of the `cache_service`, is needed. Beside it: every field of `ExpirySweeperOptions`.
    public static func expirySweeper(
        type: String = "expiry_sweeper", onExpire: @escaping @Sendable (ExpiredEntry) async throws -> Void
    ) -> ServiceFactory {
        ServiceFactory(type) { settings in
            (cache: settings.requiredService("cache"), options: settings.sweeperOptions())
        } make: { settings, clients in
            let cache: IndexedCache = try clients.service(settings.cache)
            guard cache.expiry != .off else {
                throw ServiceError(
                    .configuration, service: settings.cache,
                    message: "\(clients.shown(settings.cache)) does not note when its items end; give it "
                        + "'expiry: { track: keys }' or 'expiry: { track: values }'")
            }
            return try ExpirySweeper(cache, options: settings.options, onExpire: onExpire)
        }
    }

    /// `session_store`: a `RedisSessionStore` of the data that your sessions hold; register it yourself, as no file can
    /// name a type of Swift.
    ///
    /// Beside the connection: `prefix` (`signalbox`), `idle` (`24h`), `absolute` (`7d`), `max_per_user` (no limit),
    /// `ended_for` (1 h), `max_data_bytes` (1 MiB), `timeout` (1 s).
    public static func sessionStore<Value: Codable & Sendable>(
        of data: Value.Type, type: String = "session_store"
    ) -> ServiceFactory {
        ServiceFactory(type) { settings in
            (
                redis: settings.redis(), prefix: settings.text("prefix", default: RedisConfiguration().prefix),
                options: settings.sessionOptions()
            )
        } make: { settings, clients in
            RedisSessionStore<Value>(clients.client(settings.redis), prefix: settings.prefix, options: settings.options)
        }
    }
}

/// A namespace: one of the predefined ones, or one's own.
private struct IndexedSettings: Sendable {
    let redis: RedisConfiguration
    let prefix: String
    let namespace: String
    let options: CacheOptions
    let expiry: ExpiryTracking

    /// As `IndexedCache.confirmation(_:)` and its like make them; a test compares.
    private static let presets: [(name: String, life: Duration)] = [
        ("confirmation", .seconds(900)), ("signup", .seconds(300)), ("session", .seconds(1_800)),
        ("rate_limit", .seconds(60)),
    ]

    init(_ settings: inout ServiceSettings) {
        redis = settings.redis()
        prefix = settings.text("prefix", default: RedisConfiguration().prefix)
        let name = settings.choice("preset", of: ["none"] + Self.presets.map(\.name), default: "none")
        let preset = Self.presets.first { $0.name == name }
        let own = settings.text("namespace")
        if preset != nil, own != nil { settings.report("namespace", "is '\(name)' by the preset; give one of them") }
        // A preset that is misspelt is told as that alone.
        let isWithout = !settings.has("preset") || settings.isWord("none", "preset")
        if isWithout, !settings.has("namespace") {
            settings.report("namespace", "is missing: give a namespace, or a preset")
        }
        namespace = preset?.name ?? own ?? ""
        options = settings.valueOptions(CacheOptions(defaultTTL: .after(preset?.life ?? .seconds(900))))
        expiry = settings.expiryTracking()
        if let problem = options.problem { settings.report("cannot work: \(problem)") }
    }
}

extension ServiceSettings {
    fileprivate mutating func expiryTracking() -> ExpiryTracking {
        switched("expiry", default: false) { section in
            let track = section.choice("track", of: ["keys", "values"], default: "keys")
            let retention = section.duration(
                "retention", in: .seconds(1)...Self.lives.upperBound, default: ExpiryTracking.defaultRetention)
            return track == "keys" ? .keys(retention: retention) : .values(retention: retention)
        } ?? .off
    }

    fileprivate mutating func sweeperOptions() -> ExpirySweeperOptions {
        var options = ExpirySweeperOptions()
        let day = Duration.seconds(86_400)
        let retries = Duration.milliseconds(1)...day
        options.lease = duration("lease", in: .milliseconds(100)...day, default: options.lease)
        options.pause = duration("pause", in: .milliseconds(1) ... .seconds(3_600), default: options.pause)
        options.batch = integer("batch", in: 1...1_000, default: options.batch)
        options.concurrency = integer("concurrency", in: 1...1_000, default: options.concurrency)
        options.handlerTimeout = optionalDuration("handler_timeout", in: retries, default: options.handlerTimeout)
        options.firstRetry = duration("first_retry", in: retries, default: options.firstRetry)
        options.longestRetry = duration("longest_retry", in: retries, default: options.longestRetry)
        options.usesKeyspaceEvents = flag("uses_keyspace_events", default: options.usesKeyspaceEvents)
        if options.firstRetry > options.longestRetry {
            report("first_retry", "is longer than 'longest_retry'")
        } else if let problem = options.problem {
            report("cannot work: \(problem)")
        }
        return options
    }

    fileprivate mutating func sessionOptions() -> SessionOptions {
        var options = SessionOptions()
        let month = Duration.seconds(30 * 86_400)
        options.life.idle = duration("idle", in: Self.lives, default: options.life.idle)
        options.life.absolute = duration("absolute", in: Self.lives, default: options.life.absolute)
        options.maxPerUser = optionalInteger("max_per_user", in: 1...1_000, default: options.maxPerUser)
        options.endedFor = duration("ended_for", in: .seconds(1)...month, default: options.endedFor)
        options.maxDataBytes = bytes("max_data_bytes", in: Self.valueBytes, default: options.maxDataBytes)
        options.timeout = duration("timeout", in: Self.timeouts, default: options.timeout)
        if let problem = options.problem { report("cannot work: \(problem)") }
        return options
    }
}
