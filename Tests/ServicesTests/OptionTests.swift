@testable import Cache
import RedisCore
import Services
import TestSupport
import Testing

/// Every option that a file can set reaches the service, and every option there is can be set by a file.
///
/// The second is what a field that is added later runs into: its name is looked for among the keys.
@Suite struct OptionTests {
    // MARK: Caches

    private static let cache = """
        services:
          cache:
            type: redis_cache
            config:
              url: ${URL}
              prefix: shop
              default_ttl: 30m
              serializer: string
              schema: 3
              readable_schemas: { from: 2, to: 4 }
              compression: { threshold: 64KiB, level: 7 }
              max_value_bytes: 2MiB
              timeout: 250ms
              on_failure: closed
              longest_tag_life: 7d
              remember:
                negative_ttl: 5s
                jitter: 0.25
                early: { beta: 1.5 }
                fail_safe: { max_stale: 2h, throttle: 10s }
                soft_timeout: 100ms
                hard_timeout: 2s
                load_lease: 1m
                across_processes: false
                wait_for_others: 3s
                failure_pause: 1s
              near: { entries: 5000, bytes: 8MiB, max_age: 1m, on_unavailable: backplane, backplane_max_age: 2s }
        """

    private static let remember = RememberOptions(
        negativeTTL: .seconds(5), jitter: 0.25, early: .probabilistic(beta: 1.5),
        failSafe: .init(maxStale: .seconds(7_200), throttle: .seconds(10)), softTimeout: .milliseconds(100),
        hardTimeout: .seconds(2), loadLease: .seconds(60), acrossProcesses: false, waitForOthers: .seconds(3),
        failurePause: .seconds(1))

    private static let near = NearCacheOptions(
        entries: 5_000, bytes: 8 << 20, maxAge: .seconds(60), onUnavailable: .backplane(maxAge: .seconds(2)))

    private static let options = CacheOptions(
        defaultTTL: .after(.seconds(1_800)), serializer: .string, schema: 3, readableSchemas: 2...4,
        compression: CacheCompression(threshold: 64 << 10, level: 7), maxValueBytes: 2 << 20,
        timeout: .milliseconds(250), failure: .closed, longestTagLife: .seconds(7 * 86_400), remember: remember,
        near: near)

    @Test func `every option of a cache can be set by a file and is applied`() async throws {
        let keys = OptionKeys(.redisCache)
        try await withRedisServer { server in
            try await withRegistry { services in
                try services.load(yaml: Self.cache, environment: ["URL": server.tcp.url])
                let cache: RedisCache = try services.get("cache")
                #expect(cache.keys.root == "shop")
                // Code can listen, a file cannot; a sliding life goes with no near cache.
                keys.expectAllSet(cache.options, otherThan: CacheOptions(), but: ["observer", "sliding"])
                keys.expectAllSet(cache.options.compression, otherThan: CacheCompression.default, in: "compression")
                keys.expectAllSet(cache.options.remember, otherThan: RememberOptions(), in: "remember")
                let failSafe = try #require(cache.options.remember.failSafe)
                keys.expectAllSet(failSafe, otherThan: RememberOptions.FailSafe(), in: "remember.fail_safe")
                let near = try #require(cache.options.near)
                keys.expectAllSet(near, otherThan: NearCacheOptions(), in: "near")
                #expect("\(cache.options)" == "\(Self.options)")
            }
        }
    }

    @Test func `a sliding life can be set by a file, and not beside a near cache`() async throws {
        func yaml(_ more: String) -> String {
            """
            services:
              cache:
                type: redis_cache
                config: { db: 1, sliding: { idle: 30m, up_to: 7d }\(more) }
            """
        }
        try await withRegistry { services in
            try services.load(yaml: yaml(""), environment: [:])
            let cache: RedisCache = try services.get("cache")
            #expect(cache.options.sliding == SlidingExpiry(idle: .seconds(1_800), upTo: .seconds(7 * 86_400)))
        }
        try await withRegistry { services in
            let near = yaml(", near: true")
            let error = #expect(throws: (any Error).self) { try services.load(yaml: near, environment: [:]) }
            try #expect("\(#require(error))".contains("near cache"))
        }
    }

    @Test func `a cache without settings has the defaults of the code`() async throws {
        try await withRegistry { services in
            let cache = try services.create("cache", type: "redis_cache", as: RedisCache.self)
            #expect("\(cache.options)" == "\(CacheOptions())")
            let store = try services.create("store", type: "kvstore_redis", as: RedisKeyValueStore.self)
            #expect("\(store.cache.options)" == "\(CacheOptions(defaultTTL: .never, failure: .closed))")
            let items = try services.create(
                "items", type: "cache_service", config: ["namespace": "a"], as: IndexedCache.self)
            #expect("\(items.options)" == "\(CacheOptions(defaultTTL: .after(.seconds(900))))")
            #expect(items.expiry == .off)
        }
    }

    @Test func `parts of a cache are switched on and off by a word`() async throws {
        try await withRedisServer { server in
            try await withRegistry { services in
                func cache(_ name: String, _ config: [String: ServiceValue]) throws -> CacheOptions {
                    let config = config.merging(["url": .text(server.tcp.url)]) { $1 }
                    return try services.create(name, type: "redis_cache", config: .map(config), as: RedisCache.self)
                        .options
                }
                let off = try cache(
                    "off",
                    [
                        "compression": false, "near": false, "default_ttl": "never",
                        "remember": [
                            "early": false, "fail_safe": false, "negative_ttl": "none", "soft_timeout": "none",
                            "failure_pause": 0,
                        ],
                    ])
                #expect(off.compression == .off && off.near == nil && off.defaultTTL == .never)
                #expect(off.remember.early == .off && off.remember.failSafe == nil)
                #expect(off.remember.negativeTTL == nil && off.remember.failurePause == .zero)
                let on = try cache(
                    "on",
                    ["compression": true, "near": true, "remember": ["early": ["threshold": 0.5], "fail_safe": true]])
                #expect(on.compression == .default && on.near == NearCacheOptions())
                #expect(on.remember.early == .threshold(0.5) && on.remember.failSafe == .init())
                let alone = try cache("alone", ["near": ["on_unavailable": "off"], "prefix": "alone"])
                #expect(alone.near?.onUnavailable == .off)
            }
        }
    }

    @Test func `variables stand for numbers, durations, sizes, words and switches too`() async throws {
        let yaml = """
            services:
              cache:
                type: ${TYPE:redis_cache}
                config:
                  db: ${DB:0}
                  default_ttl: ${TTL:never}
                  compression: ${COMPRESSES:true}
                  max_value_bytes: ${SIZE:1MiB}
                  on_failure: ${FAILURE:open}
                  remember: { jitter: "${JITTER:0.5}", negative_ttl: "${NEGATIVE}", fail_safe: "${SAFE:false}" }
            """
        try await withRegistry { services in
            try services.load(
                yaml: yaml,
                environment: [
                    "DB": "7", "COMPRESSES": "false", "SIZE": "10", "FAILURE": "closed", "NEGATIVE": "none",
                    "SAFE": "true",
                ])
            let cache: RedisCache = try services.get("cache")
            #expect(cache.engine.redis.configuration.database == 7)
            #expect(cache.options.defaultTTL == .never)
            #expect(cache.options.compression == .off)
            #expect(cache.options.maxValueBytes == 10)
            #expect(cache.options.failure == .closed)
            #expect(cache.options.remember.jitter == 0.5 && cache.options.remember.negativeTTL == nil)
            #expect(cache.options.remember.failSafe != nil)
        }
    }

    @Test func `a field without a key, and one that is not applied, is noticed`() {
        struct Options {
            var colour = 1
            var schema = 2
        }
        let keys = OptionKeys(.redisCache)
        withKnownIssue { keys.expectAllSet(Options(colour: 2), otherThan: Options(), but: ["schema"]) }
        withKnownIssue { keys.expectAllSet(Options(), otherThan: Options(), but: ["colour"]) }
        keys.expectAllSet(Options(schema: 3), otherThan: Options(), but: ["colour"])
    }
}
