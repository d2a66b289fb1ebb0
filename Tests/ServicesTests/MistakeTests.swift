import Cache
import RedisCore
import Services
import TestSupport
import Testing

/// What is wrong in a file is told with its place, all at once, and then nothing is made.
@Suite struct MistakeTests {
    private func problems(
        _ yaml: String, environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
    ) -> [String] {
        let registry = ServiceRegistry()
        registry.registerAll()
        let message = serviceError(.configuration, sourceLocation: sourceLocation) {
            try registry.load(yaml: yaml, file: "app.yaml", environment: environment)
        }
        #expect(registry.names.isEmpty, sourceLocation: sourceLocation)
        return message.split(separator: "\n").map(String.init)
    }

    private static let keysOfStores =
        "addr, host, port, url, username, password, db, pool_size, min_idle, connect_timeout, command_timeout, "
        + "heartbeat, max_retries, client_name, prefix, default_ttl, serializer, max_value_bytes, compression, timeout"

    @Test func `every mistake is told with file, line, column and key`() {
        let found = problems(
            """
            services:
              a:
                type: kvstore_redis
                config:
                  adr: localhost:6379
                  db: 16
                  pool_size: many
                  prefix: 7
              b:
                type: kvstore_memory
                config:
                  max_entries: 0
              c: 5
              d:
                type: kvstore_memory
                size: 3
            """)
        #expect(
            found == [
                "app.yaml:5:7: services.a.config.adr: unknown key (did you mean 'addr'?); known here: "
                    + Self.keysOfStores,
                "app.yaml:6:11: services.a.config.db: must be a whole number from 0 to 15, not '16'",
                "app.yaml:7:18: services.a.config.pool_size: must be a whole number from 1 to 1024, not 'many'",
                "app.yaml:8:15: services.a.config.prefix: must be text, not a number; put it in quotes",
                "app.yaml:12:20: services.b.config.max_entries: must be a whole number from 1 to 2147483647, "
                    + "or none, not '0'",
                "app.yaml:13:6: services.c: must be a mapping with type, config, not a number",
                "app.yaml:16:5: services.d.size: unknown key (settings belong under 'config', indented); "
                    + "known here: type, config",
            ])
    }

    @Test func `an unknown type lists the known ones`() {
        let all =
            "cache_service, counters, event_publisher, event_subscriber, kvrepository_redis, kvstore_memory, "
            + "kvstore_redis, leaderboard, lock, one_time_codes, rate_limiter, redis, redis_cache, task_coordinator, "
            + "windowed_counters"
        #expect(
            problems("services:\n  a:\n    type: kvstore_etcd\n")
                == ["app.yaml:3:11: services.a.type: 'kvstore_etcd' is not a known type; known types: \(all)"])
        #expect(
            problems("services:\n  a: { config: {} }\n")
                == ["app.yaml:2:6: services.a.type: is missing; known types: \(all)"])
    }

    @Test func `a registry that knows no type says what to call`() {
        let message = serviceError(.configuration) {
            try ServiceRegistry().load(yaml: "services: { a: { type: redis } }", environment: [:])
        }
        #expect(message.hasSuffix("known types: none (call registerAll())"))
    }

    @Test func `a name given twice is a mistake, in a file and across files`() throws {
        let twice = problems("services:\n  a: { type: redis }\n  a: { type: redis }\n")
        #expect(twice.count == 1)
        #expect(twice.first?.contains("the same key twice") ?? false)
        let registry = ServiceRegistry()
        registry.registerCore()
        try registry.load(yaml: "services:\n  a: { type: redis }", environment: [:])
        let message = serviceError(.configuration) {
            try registry.load(
                yaml: "services:\n  b: { type: redis }\n  a: { type: redis }", file: "b.yaml", environment: [:])
        }
        #expect(message == "b.yaml:3:3: services.a: there is a service 'a' already")
        #expect(registry.names == ["a"], "all or none")
    }

    @Test func `a variable that is not set and has no default is none for a password and a mistake elsewhere`() {
        let found = problems(
            """
            services:
              a:
                type: kvstore_redis
                config:
                  addr: ${REDIS_HOST}:6379
                  password: ${REDIS_PASSWORD}
                  db: ${REDIS_DB}
            """)
        func advice(_ name: String) -> String {
            "the environment variable \(name) is not set and has no default (set it, or write ${\(name):default})"
        }
        #expect(
            found == [
                "app.yaml:5:13: services.a.config.addr: \(advice("REDIS_HOST"))",
                "app.yaml:7:11: services.a.config.db: \(advice("REDIS_DB"))",
            ])
    }

    @Test func `an address, a URL and both at once are checked where they stand, without a password`() {
        let found = problems(
            """
            services:
              a: { type: redis, config: { addr: localhost } }
              b: { type: redis, config: { url: "http://user:hunter2@h" } }
              c: { type: redis, config: { url: "redis://h", addr: "h:1" } }
              d: { type: redis, config: { prefix: "a{b}" } }
              e: { type: redis, config: { url: "redis://h?prefix=x" } }
            """)
        #expect(found.count == 5)
        #expect(found[0].hasPrefix("app.yaml:2:37: services.a.config.addr: cannot be used: "))
        #expect(found[1].hasPrefix("app.yaml:3:36: services.b.config.url: cannot be used: "))
        #expect(!found[1].contains("hunter2"))
        #expect(found[2] == "app.yaml:4:36: services.c.config.url: says the same as 'addr'; give one of them")
        #expect(found[3].hasPrefix("app.yaml:5:39: services.d.config.prefix: cannot be used: "))
        #expect(found[4] == "app.yaml:6:36: services.e.config.url: has a prefix; give it as 'prefix' beside the URL")
    }

    @Test func `a limiter needs its limit and window, and a burst its algorithm`() {
        let found = problems(
            """
            services:
              a: { type: rate_limiter }
              b: { type: rate_limiter, config: { limit: 1, window: 1h, burst: 2 } }
              c: { type: rate_limiter, config: { limit: 1, window: 1h, algorithm: token_bucket } }
              d: { type: rate_limiter, config: { limit: 1, window: 1, algorithm: leaky } }
            """)
        #expect(found.count == 5)
        #expect(found.contains { $0.contains("services.a.config.limit: is missing") })
        #expect(found.contains { $0.contains("services.a.config.window: is missing") })
        #expect(found.contains { $0.contains("services.b.config.burst: has a meaning only with") })
        #expect(found.contains { $0.contains("services.c.config.burst: is missing") })
        #expect(found.contains { $0.contains("services.d.config.algorithm: must be one of automatic, ") })
    }

    @Test func `a namespace of items without a name is told where it stands`() {
        let found = problems(
            """
            services:
              a: { type: cache_service, config: { preset: none } }
            """)
        #expect(
            found == ["app.yaml:2:37: services.a.config.namespace: is missing: give a namespace, or a preset"])
    }

    @Test(arguments: [
        ("", "app.yaml: the file is empty; it needs at least 'services:'"),
        ("services: [", "is not YAML"),
        ("service: {}", "1:1: service: unknown key (services stand below 'services:', indented); known here: services"),
        ("services: 5", "app.yaml:1:11: services: must be a mapping of names to services, not a number"),
        ("{}", "services: is missing"),
    ])
    func `a file that is none is told`(_ yaml: String, _ expected: String) {
        let found = problems(yaml)
        #expect(found.count == 1)
        #expect(found.first?.contains(expected) ?? false, "\(found)")
    }
}
