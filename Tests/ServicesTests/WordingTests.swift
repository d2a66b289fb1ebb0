import Cache
import RedisCore
import Services
import TestSupport
import Testing

/// What people write who have not read the manual, and what they are told; each text is wrong in another way.
@Suite struct WordingTests {
    /// Everything that is wrong with the keys of one service of a type.
    private func told(_ type: String, _ config: String) throws -> [String] {
        try told("services:\n  a:\n    type: \(type)\n    config: \(config)\n")
    }

    private func told(_ yaml: String) throws -> [String] {
        let services = ServiceRegistry()
        services.registerAll()
        try services.register(.sessionStore(of: String.self))
        try services.register(.expirySweeper { _ in })
        let message = serviceError(.configuration) {
            try services.load(yaml: yaml, file: "s.yaml", environment: ["SET": "hunter2", "URL": "redis://:hunter2@h"])
        }
        #expect(!message.contains("hunter2"), "what a variable stands for may be a secret")
        #expect(services.names.isEmpty)
        return message.split(separator: "\n").map(String.init)
    }

    @Test(arguments: [
        // Units and forms.
        ("{ default_ttl: 30 minutes }", "default_ttl: '30 minutes' is not a duration: seconds, or digits and one of"),
        ("{ default_ttl: forever }", "such as 250ms, 30s, 5m, 1h; or never"),
        ("{ default_ttl: 0 }", "must be from 1ms to 3650d"),
        ("{ default_ttl: -1 }", "'-1' is not a duration"), ("{ default_ttl: [1h] }", "must be a duration ("),
        ("{ max_value_bytes: 1MB }", "must be a size (bytes, or digits and one of B, KiB, MiB, GiB, such as 64KiB)"),
        ("{ max_value_bytes: 1GiB }", "must be from 1B to 512MiB, not '1GiB'"), ("{ timeout: 2d }", "1ms to 24h"),
        ("{ schema: 70000 }", "schema: must be a whole number from 0 to 65535, not '70000'"),
        ("{ on_failure: fail }", "on_failure: must be one of open, closed, not 'fail'"),
        ("{ serializer: cbor }", "must be one of json, string, not 'cbor'"),
        ("{ readable_schemas: { from: 3 } }", "config.readable_schemas.to: is missing; it has no default"),
        ("{ schema: 2, readable_schemas: { from: 3, to: 2 } }", "to: is 2, less than 'from', which is 3"),
        ("{ longest_tag_life: 1ms }", "must be from 1s to 3650d, not '1ms'"),
        // Switches and their mappings.
        ("{ near: yes }", "near: must be true, false or a mapping, not 'yes'"),
        ("{ near: [1] }", "near: must be true, false or a mapping, not a list"),
        ("{ near: { entries: 0 } }", "config.near.entries: must be a whole number from 1 to 100000000, not '0'"),
        ("{ near: { bytes: 10 } }", "must be from 1KiB to 1024GiB, not '10'"),
        ("{ near: { on_unavailable: off, backplane_max_age: 1s } }", "only with 'on_unavailable: backplane'"),
        ("{ compression: no }", "must be true, false or a mapping, not 'no'"),
        ("{ compression: { level: 20 } }", "config.compression.level: must be a whole number from 1 to 19, not '20'"),
        ("{ remember: 5 }", "remember: must be a mapping, not a number"),
        ("{ remember: { jitter: 20% } }", "config.remember.jitter: must be a number, 0 to 1, not '20%'"),
        ("{ remember: { jitter: 1.5 } }", "must be a number, 0 to 1, not '1.5'"),
        ("{ remember: { jitter: nan } }", "must be a number, 0 to 1, not 'nan'"),
        ("{ remember: { early: { threshold: 1 } } }", "must be a number, more than 0, less than 1, not '1'"),
        ("{ remember: { early: { threshold: 0.5, beta: 1 } } }", "beta: means another way than 'threshold'; give one"),
        ("{ remember: { soft_timeout: off } }", "'off' is not a duration"),
        ("{ remember: { fail_safe: { max_stale: long } } }", "remember.fail_safe.max_stale: 'long' is not"),
        // Keys in the wrong place, or under another name.
        ("{ jitter: 0.2 }", "jitter: unknown key (it belongs under 'remember'); known here: addr, host,"),
        ("{ remember: { default_ttl: 1h } }", "(it belongs one level up, directly under 'config'); known here: n"),
        ("{ max_stale: 1h }", "(it belongs under 'remember.fail_safe')"),
        ("{ compression_threshold: 5 }", "(write it as 'threshold' under 'compression')"),
        ("{ nearEntries: 5 }", "(write it as 'entries' under 'near')"),
        ("{ defaultTTL: 1h }", "did you mean 'default_ttl'?"),
        ("{ default-ttl: 1h }", "did you mean 'default_ttl'?"), ("{ ttl: 1h }", "did you mean 'default_ttl'?"),
        ("{ database: 1 }", "did you mean 'db'?"), ("{ remeber: {} }", "did you mean 'remember'?"),
        ("{ colour: red }", "colour: unknown key; known here: addr, host, port, url, username,"),
        ("{ near: { entires: 5 } }", "near.entires: unknown key (did you mean 'entries'?); known here: entries"),
        // Connections.
        ("{ host: 'redis://h' }", "host: cannot be used: host is 'redis://h'; expected a host name or an address"),
        ("{ addr: 'h:1', port: 2 }", "port: is part of 'addr' already; give one of them"),
        ("{ addr: 'user:pw@h:6379' }", "not shown: it may hold a password"), ("{ port: 70000 }", "from 1 to 65535"),
        ("{ pool_size: 2, min_idle: 5 }", "min_idle: is 5, more than the pool_size of 2"),
        ("{ client_name: a b }", "client_name: cannot be used: "),
        ("{ username: a b }", "username: cannot be used: username is 'a b'"),
        ("{ username: a b, client_name: c }", "username: cannot be used: username is 'a b'"),
        ("{ username: a, client_name: b c }", "client_name: cannot be used: clientName is 'b c'"),
        ("{ password: 1234 }", "not a number; put it in quotes"),
        // Variables: a wrong one may hold a secret.
        ("{ addr: '${URL}' }", "addr: cannot be used: what its variable stands for is not host:port, such as"),
        ("{ url: '${SET}' }", "url: cannot be used: what its variable stands for is not redis://host:port/db or"),
        ("{ db: '${SET}' }", "db: must be a whole number from 0 to 15, not what '${SET}' stands for"),
        ("{ timeout: '${SET}' }", "what '${SET}' stands for is not a duration"),
        ("{ near: '${SET}' }", "must be true, false or a mapping, not what '${SET}' stands for"),
        ("{ on_failure: '${SET}' }", "must be one of open, closed, not what '${SET}' stands for"),
        ("{ max_value_bytes: '${SET}' }", "such as 64KiB), not what '${SET}' stands for"),
        ("{ remember: { jitter: '${SET}' } }", "must be a number, 0 to 1, not what '${SET}' stands for"),
        ("{ client_name: '${SET} x' }", "client_name: cannot be used: what its variable stands for is not printable"),
        ("{ username: '${SET} x' }", "username: cannot be used: what its variable stands for is not a name without"),
        ("{ username: '${SET} x', client_name: c }", "username: cannot be used: what its variable stands for is not"),
        ("{ username: '${SET}', client_name: '${SET} x' }", "client_name: cannot be used: what its variable stands"),
        ("{ db: '${NO:ten}' }", "db: must be a whole number from 0 to 15, not 'ten'"),
        ("{ db: '${NO:}' }", "not empty text"),
        ("{ timeout: '${NO}' }", "timeout: the environment variable NO is not set and has no default"),
        ("{ near: '${NO}' }", "near: the environment variable NO is not set and has no default"),
        ("{ default_ttl: '${NO}' }", "default_ttl: the environment variable NO is not set and has no default"),
        ("{ remember: { jitter: '${NO}' } }", "jitter: the environment variable NO is not set and has no default"),
    ])
    func `a mistake in a cache is told in words that help`(_ config: String, _ part: String) throws {
        let found = try told("redis_cache", config)
        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("s.yaml:4:") ?? false)
        #expect(found.first?.contains(part) ?? false, "\(found)")
    }

    @Test(arguments: [
        ("cache_service", "{}", "namespace: is missing: give a namespace, or a preset"),
        ("cache_service", "{ preset: none }", "namespace: is missing: give a namespace, or a preset"),
        ("cache_service", "{ preset: '${NO:none}' }", "namespace: is missing: give a namespace, or a preset"),
        ("cache_service", "{ preset: none, namespace: '' }", "namespace: "),
        ("cache_service", "{ preset: sessions }", "must be one of none, confirmation, signup, session, rate_limit,"),
        ("cache_service", "{ preset: signup, namespace: x }", "namespace: is 'signup' by the preset; give one of them"),
        ("cache_service", "{ namespace: x, near: true }", "near: unknown key"),
        ("cache_service", "{ namespace: x, expiry: { track: both } }", "must be one of keys, values, not 'both'"),
        ("session_store", "{ ended_for: 31d }", "ended_for: must be from 1s to 30d, not '31d'"),
        ("session_store", "{ max_per_user: 0 }", "must be a whole number from 1 to 1000, or none, not '0'"),
        ("expiry_sweeper", "{}", "cache: is missing; it has no default"),
        ("expiry_sweeper", "{ cache: b }", "cache: there is no service 'b': none was made"),
        ("expiry_sweeper", "{ cache: '${SET}' }", "cache: what '${SET}' stands for is no service: none was made"),
        ("expiry_sweeper", "{ cache: '${NO:b}' }", "cache: there is no service 'b': none was made"),
        ("counters", "{}", "name: is missing; it has no default"),
        ("windowed_counters", "{ name: x, keep: 3, ttl: 1h }", "ttl: unknown key"),
        ("leaderboard", "{ name: x, period: day }", "must be one of all_time, daily, weekly, monthly, not 'day'"),
        ("leaderboard", "{ name: x, period: daily, ttl: 1h }", "ttl: has a meaning only with 'period: all_time'"),
        ("leaderboard", "{ name: x, keep: 3 }", "keep: has a meaning only with 'period: daily', 'weekly' or"),
        ("one_time_codes", "{ key: 1234 }", "key: must be text, not a number; put it in quotes"),
        ("one_time_codes", "{ key: '${NO}' }", "key: the environment variable NO is not set and has no default"),
        ("one_time_codes", "{ minimum_interval: 2h }", "minimum_interval: is longer than 'period'"),
        ("lock", "{ renewal: off, max_hold: 1m }", "max_hold: has a meaning only with 'renewal: automatic'"),
        ("lock", "{ replicas: { at_least: 1 } }", "replicas.within: is missing; it has no default"),
        ("rate_limiter", "{ limit: 1, window: 1h, on_failure: local }", "local: is missing: 'on_failure: local' needs"),
        ("rate_limiter", "{ limit: 1, window: 1h, local: { limit: 1, window: 1s } }", "only with 'on_failure: local'"),
        ("rate_limiter", "{ rules: { limit: 1, window: 1h } }", "rules: must be a list, not a mapping"),
        ("rate_limiter", "{ rules: [] }", "rules: is an empty list"),
        ("rate_limiter", "{ rules: [{ limit: 1, window: 1h, bursts: 3 }] }", "rules[0].bursts: unknown key (did"),
        ("rate_limiter", "{ limit: 5, rules: [{ limit: 1, window: 1h }] }", "limit: belongs into the rules of"),
        ("rate_limiter", "{ limit: 5, window: 1h, buckets: 5 }", "only with 'algorithm: sliding_window_buckets'"),
        ("event_subscriber", "{ channels: [a], buffer: { capacity: 0 } }", "buffer.capacity: must be a whole number"),
        ("redis", "{ prefix: '{${SET}}' }", "prefix: cannot be used: what its variable stands for is not 1 to 256 byt"),
        ("redis_cash", "{}", "'redis_cash' is not a known type (did you mean 'redis_cache'?); known types: cache_se"),
        ("'${NO:redis_cash}'", "{}", "'redis_cash' is not a known type (did you mean 'redis_cache'?); known types: "),
        ("'${SET}'", "{}", "type: what '${SET}' stands for is not a known type; known types: cache_service, "),
    ])
    func `a mistake in another service is told in words that help`(
        _ type: String, _ config: String, _ part: String
    ) throws {
        let found = try told(type, config)
        #expect(found.count == 1)
        #expect(found.first?.contains(part) ?? false, "\(found)")
    }

    @Test(arguments: [
        ("services:\n  a:\n    type: redis\n    addr: 'h:1'\n", "4:5: services.a.addr: unknown key (settings belong"),
        ("services:\n  a:\n    type: redis\n    confg: {}\n", "services.a.confg: unknown key (did you mean 'config'?)"),
        ("services:\n  a:\n  type: redis\n", "services.type: must be a mapping with type, config (indent it below"),
        ("services:\n  - type: redis\n", "2:3: services: must be a mapping of names to services, not a list"),
        ("a:\n  type: redis\n", "1:1: a: unknown key (services stand below 'services:', indented); known"),
        ("services:\n\ta: 1\n", "found character that cannot start any token (indent with spaces, not tabs"),
        ("services: { a: { type: redis, config: { db: ${DB:0} } } }", "(within { } and [ ] put ${NAME} in quotes)"),
        ("services:\n  a: { type: redis }\n  a: { type: lock }\n", "a mapping has the same key twice: a"),
        ("services:\n  a: { type: redis, config: { <<: 5 } }\n", "must be a mapping to be merged, not a number"),
    ])
    func `a file of the wrong shape is told in words that help`(_ yaml: String, _ part: String) throws {
        let found = try told(yaml)
        #expect(found.contains { $0.contains(part) }, "\(found)")
    }

    @Test func `what several services have in common is written once`() async throws {
        let yaml = """
            services:
              a:
                type: redis
                config: &server { addr: "h:7", db: 3, prefix: a }
              b:
                type: kvstore_redis
                config: { <<: *server, prefix: b }
            """
        try await withRegistry { services in
            try services.load(yaml: yaml, environment: [:])
            let store = try services.get("b", as: RedisKeyValueStore.self)
            #expect(store.prefix == "b")
            #expect(store.redis.configuration.endpoint.description == "h:7")
            #expect(store.redis.configuration.database == 3)
        }
    }
}
