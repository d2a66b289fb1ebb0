@testable import Cache
import RedisCore
import Services
import TestSupport
import Testing

/// As ``OptionTests``, for all that stores and counts.
@Suite struct StoreOptionTests {
    @Test func `every option of a namespace of items can be set by a file and is applied`() async throws {
        let keys = OptionKeys(.indexedCache)
        try await withRegistry { services in
            let items = try services.create(
                "items", type: "cache_service",
                config: [
                    "namespace": "pending", "prefix": "app", "default_ttl": "never", "serializer": "string",
                    "schema": 1, "readable_schemas": ["from": 0, "to": 1], "compression": ["level": 2],
                    "max_value_bytes": "1KiB", "timeout": "2s", "on_failure": "closed",
                    "expiry": ["track": "values", "retention": "1d"],
                ],
                as: IndexedCache.self)
            // The documents of IndexedCache say why.
            keys.expectAllSet(
                items.options, otherThan: CacheOptions(),
                but: ["remember", "near", "longestTagLife", "sliding", "observer"])
            #expect(items.namespace == "pending")
            #expect(items.keys.root == "app:indexed:{pending}")
            #expect(items.options.readableSchemas == 0...1 && items.options.compression.level == 2)
            #expect(items.expiry == .values(retention: .seconds(86_400)))
        }
    }

    @Test func `a preset is what the code predefines`() async throws {
        try await withRegistry { services in
            let redis = try services.create("redis", type: "redis", as: RedisClient.self)
            for (preset, wanted) in [
                ("confirmation", IndexedCache.confirmation(redis)), ("signup", .signup(redis)),
                ("session", .session(redis)), ("rate_limit", .rateLimit(redis)),
            ] {
                let cache = try services.create(
                    preset, type: "cache_service", config: ["preset": .text(preset)], as: IndexedCache.self)
                #expect(cache.keys.root == wanted.keys.root)
                #expect("\(cache.options)" == "\(wanted.options)")
            }
            let other = try services.create(
                "other", type: "cache_service", config: ["preset": "signup", "default_ttl": 7], as: IndexedCache.self)
            #expect(other.options.defaultTTL == .after(.seconds(7)))
            let own = try services.create(
                "own", type: "cache_service", config: ["preset": "none", "namespace": "mine"], as: IndexedCache.self)
            #expect(own.namespace == "mine" && own.options.defaultTTL == .after(.seconds(900)))
        }
    }

    @Test func `every option of the other stores can be set by a file and is applied`() async throws {
        try await withRegistry { services in
            try services.register(.sessionStore(of: String.self))
            let sessions = try services.create(
                "sessions", type: "session_store",
                config: [
                    "prefix": "app", "idle": "1h", "absolute": "2d", "max_per_user": 3, "ended_for": "10m",
                    "max_data_bytes": "4KiB", "timeout": "2s",
                ],
                as: RedisSessionStore<String>.self)
            let keys = OptionKeys(.sessionStore(of: String.self), names: ["life": "idle"])
            keys.expectAllSet(sessions.options, otherThan: SessionOptions())
            keys.expectAllSet(sessions.options.life, otherThan: SessionLife())
            #expect(sessions.options.maxPerUser == 3)

            let store = try services.create(
                "store", type: "kvrepository_redis",
                config: [
                    "default_ttl": 60, "serializer": "string", "compression": false, "max_value_bytes": 9,
                    "timeout": 2,
                ],
                as: RedisKeyValueStore.self)
            let wanted = CacheOptions(
                defaultTTL: .after(.seconds(60)), serializer: .string, compression: .off, maxValueBytes: 9,
                timeout: .seconds(2), failure: .closed)
            #expect("\(store.cache.options)" == "\(wanted)")

            let memory = try services.create(
                "memory", type: "kvstore_memory",
                config: ["max_entries": 1, "default_ttl": "never", "serializer": "string", "max_value_bytes": "3B"],
                as: InMemoryKeyValueStore.self)
            try await memory.set("a", "abc")
            try await memory.set("b", "abc")
            #expect(memory.count == 1)
            await #expect(throws: CacheError.self) { try await memory.set("c", "abcd") }
        }
    }

    @Test func `every option of a sweeper can be set by a file and is applied`() async throws {
        try await withRegistry { services in
            try services.register(.expirySweeper { _ in })
            try services.create("items", type: "cache_service", config: ["namespace": "a", "expiry": true])
            let sweeper = try services.create(
                "sweeper", type: "expiry_sweeper",
                config: [
                    "cache": "items", "lease": "5s", "pause": "2s", "batch": 7, "concurrency": 2,
                    "handler_timeout": "none", "first_retry": "3s", "longest_retry": "30s",
                    "uses_keyspace_events": true,
                ],
                as: ExpirySweeper.self)
            OptionKeys(.expirySweeper { _ in }).expectAllSet(sweeper.options, otherThan: ExpirySweeperOptions())
            #expect(sweeper.options.handlerTimeout == nil && sweeper.options.longestRetry == .seconds(30))
            #expect(sweeper.cache.namespace == "a")
        }
    }

    // MARK: Counting and codes

    @Test func `every option of counters, boards and codes can be set by a file and is applied`() async throws {
        try await withRegistry { services in
            let counters = try services.create(
                "counters", type: "counters",
                config: ["name": "views", "prefix": "app", "ttl": "1d", "request_memory": "1m", "timeout": "2s"],
                as: Counters.self)
            OptionKeys(.counters).expectAllSet(counters.options, otherThan: CountersOptions())
            #expect(try counters.name == "views" && counters.redisKey("a").name.contains("app"))

            let windowed = try services.create(
                "windowed", type: "windowed_counters", config: ["name": "views", "unit": "hour", "keep": 24],
                as: WindowedCounters.self)
            #expect(windowed.unit == .hour && windowed.keep == 24)

            let keys = OptionKeys(.leaderboard)
            func board(_ name: String, _ config: [String: ServiceValue]) throws -> LeaderboardOptions {
                let config = config.merging(["name": .text(name)]) { $1 }
                return try services.create(
                    name, type: "leaderboard", config: .map(config), as: Leaderboard<String>.self
                ).options
            }
            let daily = try board(
                "daily",
                [
                    "order": "lowest_first", "ranking": "ordinal", "period": "daily", "keep": 3, "keep_best": 10,
                    "request_memory": "1m", "timeout": "2s",
                ])
            keys.expectAllSet(daily, otherThan: LeaderboardOptions(), but: ["ttl"])
            #expect(daily.period == .daily(keep: 3))
            #expect(try board("weekly", ["period": "weekly"]).period == .weekly())
            #expect(try board("monthly", ["period": "monthly", "keep": 2]).period == .monthly(keep: 2))
            #expect(try board("all", ["ttl": "1h"]).ttl == .after(.seconds(3_600)))

            let codes = try services.create(
                "codes", type: "one_time_codes",
                config: [
                    "length": 8, "life": "1m", "attempts": 3, "minimum_interval": "30s", "max_codes": 2,
                    "period": "10m", "key": "hunter2", "timeout": "2s",
                ],
                as: OneTimeCodes.self)
            // Secrets look alike, so the key is compared by itself.
            OptionKeys(.oneTimeCodes).expectAllSet(codes.options, otherThan: OneTimeCodeOptions())
            #expect(codes.options.key == Secret("hunter2"))
        }
    }

    // MARK: The connection

    @Test func `every setting of a connection is applied`() async throws {
        try await withRegistry { services in
            let redis = try services.create(
                "redis", type: "redis",
                config: [
                    "host": "h", "port": 7, "username": "u", "password": "p", "db": 3, "pool_size": 4, "min_idle": 2,
                    "connect_timeout": "2s", "command_timeout": 7, "heartbeat": "1s", "max_retries": 1,
                    "client_name": "c", "prefix": "app",
                ],
                as: RedisClient.self
            ).configuration
            #expect(redis.endpoint.description == "h:7" && redis.username == "u" && redis.password == Secret("p"))
            #expect(redis.database == 3 && redis.commandConnections == 4 && redis.eagerConnections == 2)
            #expect(redis.connectTimeout == .seconds(2) && redis.commandTimeout == .seconds(7))
            #expect(redis.heartbeat == .seconds(1) && redis.retry.maxRetries == 1)
            #expect(redis.clientName == "c" && redis.prefix == "app")
            let port = try services.create("port", type: "redis", config: ["port": 7], as: RedisClient.self)
            #expect(port.configuration.endpoint.description == "localhost:7")
            let url = try services.create(
                "url", type: "redis", config: ["url": "redis://u:p@h/2?timeout=3s&client_name=c", "db": 1],
                as: RedisClient.self
            ).configuration
            #expect(url.username == "u" && url.database == 1 && url.commandTimeout == .seconds(3))
            #expect(url.clientName == "c" && url.password == Secret("p"))
        }
    }
}
