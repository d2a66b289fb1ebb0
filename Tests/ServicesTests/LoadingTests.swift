import Cache
import Coordination
import EventBus
import FoundationEssentials
import RedisCore
import Services
import TestSupport
import Testing

/// From a file to services.
@Suite struct LoadingTests {
    /// The document's example, less its addresses.
    private static let instances = """
        services:
          # User cache
          user_cache:
            type: kvstore_redis
            config:
              addr: ${REDIS_ADDR:localhost:6379}
              password: ${REDIS_PASSWORD}
              db: 0
              pool_size: 20
              prefix: ${APP_NAME:users}
          session_cache:
            type: kvstore_redis
            config:
              addr: ${REDIS_ADDR:localhost:6379}
              db: 1
              prefix: sessions
          ratelimit_cache:
            type: kvstore_redis
            config:
              addr: ${REDIS_ADDR:localhost:6379}
              db: 2
              prefix: ratelimit
        """

    private func address(of server: RedisServer) throws -> String {
        guard case .tcp(let host, let port) = server.tcp.configuration.endpoint else {
            throw TestTimeout("a server with a port")
        }
        return "\(host):\(port)"
    }

    @Test func `several named stores of one server keep their values apart, each in its database`() async throws {
        try await withRedisServer { server in
            try await withRegistry { services in
                try services.load(yaml: Self.instances, environment: ["REDIS_ADDR": try address(of: server)])
                #expect(services.names == ["user_cache", "session_cache", "ratelimit_cache"])
                for name in services.names {
                    let store: any KeyValueStore = try services.get(name)
                    // The document's stores wait for a second, which may be too short.
                    try await eventually("\(name) is written") { (try? await store.set("a", name)) != nil }
                }
                for (database, key) in [("0", "users:a"), ("1", "sessions:a"), ("2", "ratelimit:a")] {
                    let connection = try server.connect()
                    _ = try connection.call(["SELECT", database])
                    #expect(try connection.call(["KEYS", "*"]).strings == [key])
                }
            }
        }
    }

    @Test func `without any setting a store is the documents' default`() async throws {
        try await withRegistry { services in
            try services.load(yaml: "services: { cache: { type: kvstore_redis } }", environment: [:])
            let store = try services.get("cache", as: RedisKeyValueStore.self)
            #expect(store.redis.configuration.endpoint.description == "localhost:6379")
            #expect(store.redis.configuration.database == 0)
            #expect(store.redis.configuration.password == nil)
            #expect(store.redis.configuration.commandConnections == 10)
            #expect(store.prefix == "kv")
        }
    }

    @Test func `settings reach the client, and variables replace only what they name`() async throws {
        try await withRegistry { services in
            try services.load(yaml: Self.instances, environment: ["REDIS_PASSWORD": "${no}", "APP_NAME": "app"])
            let store = try services.get("user_cache", as: RedisKeyValueStore.self)
            #expect(store.redis.configuration.endpoint.description == "localhost:6379", "the first colon ends the name")
            #expect(store.redis.configuration.password == Secret("${no}"))
            #expect(store.redis.configuration.commandConnections == 20)
            #expect(store.prefix == "app")
        }
    }

    @Test func `JSON is read as YAML is`() async throws {
        try await withRegistry { services in
            let json = """
                {"services": {"cache": {"type": "kvstore_redis", "config": {"addr": "h:1", "db": 15, "pool_size": 3,
                "password": "", "prefix": "p"}}}}
                """
            try services.load(yaml: json, file: "services.json", environment: [:])
            let store = try services.get("cache", as: RedisKeyValueStore.self)
            #expect(store.redis.configuration.database == 15)
            #expect(store.redis.configuration.commandConnections == 3)
            #expect(store.redis.configuration.password == nil)
        }
    }

    @Test func `a file is read, and one that is not there is told`() async throws {
        try await withRegistry { services in
            let path = NSTemporaryDirectoryPath.file("services-\(UUID().uuidString).yaml")
            try Self.instances.write(toFile: path, atomically: true, encoding: .utf8)
            defer { try? FileManager.default.removeItem(atPath: path) }
            try services.load(path, environment: [:])
            #expect(services.names.count == 3)
            let message = serviceError(.configuration) { try services.load("/nowhere/services.yaml") }
            #expect(message.hasPrefix("/nowhere/services.yaml cannot be read"))
        }
    }

    @Test func `every type of this package works`() async throws {
        let yaml = """
            services:
              store: { type: kvstore_redis, config: { url: "${URL}", timeout: 20s } }
              memory: { type: kvstore_memory, config: { max_entries: 2 } }
              cache: { type: redis_cache, config: { url: "${URL}", prefix: myapp, default_ttl: 30m, timeout: 20 } }
              pending: { type: cache_service, config: { url: "${URL}", namespace: pending, timeout: 20s } }
              sessions: { type: session_store, config: { url: "${URL}", idle: 1h, max_per_user: 2, timeout: 20s } }
              views: { type: counters, config: { url: "${URL}", name: views, timeout: 20s } }
              hits: { type: windowed_counters, config: { url: "${URL}", name: views, keep: 3, timeout: 20s } }
              board: { type: leaderboard, config: { url: "${URL}", name: chess, timeout: 20s } }
              codes: { type: one_time_codes, config: { url: "${URL}", length: 8, timeout: 20s } }
              client: { type: redis, config: { url: "${URL}" } }
              locks: { type: lock, config: { url: "${URL}", prefix: app } }
              tasks: { type: task_coordinator, config: { url: "${URL}" } }
              limiter: { type: rate_limiter, config: { url: "${URL}", limit: 2, window: 1h, timeout: 20s } }
              bursts:
                type: rate_limiter
                config: { url: "${URL}", limit: 1, window: 1h, algorithm: token_bucket, burst: 3 }
              publisher: { type: event_publisher, config: { url: "${URL}", source: test } }
              subscriber: { type: event_subscriber, config: { url: "${URL}", channels: [orders] } }
            """
        try await withRedisServer { server in
            try await withRegistry { services in
                try services.register(.sessionStore(of: [String: Int].self))
                try services.load(yaml: yaml, environment: ["URL": server.tcp.url])
                #expect(services.types.count == ServiceFactory.all.count + 1)
                for name in ["store", "memory"] {
                    let store: any KeyValueStore = try services.get(name)
                    try await store.set("a", 1)
                    #expect(try await store.get("a") == 1)
                }
                let cache: RedisCache = try services.get("cache")
                try await cache.set("a", 1)
                let life = try #require(try server("PTTL", "myapp:a").int)
                #expect((1_700_000...1_800_000).contains(life))
                let pending: IndexedCache = try services.get("pending")
                try await pending.set("a1", 7, indexes: ["user": "alice"])
                #expect(try await pending.getByIndex("user", "alice", as: Int.self).items.map(\.value) == [7])
                let sessions: RedisSessionStore<[String: Int]> = try services.get("sessions")
                let session = try await sessions.create(userID: "7", data: ["cart": 1])
                #expect(try await sessions.get(session.id)?.data == ["cart": 1])
                #expect(try await services.get("views", as: Counters.self).increment("home") == 1)
                #expect(try await services.get("hits", as: WindowedCounters.self).add("home") == 1)
                let board: Leaderboard<String> = try services.get("board")
                try await board.add("ada", score: 7)
                #expect(try await board.top(1).map(\.member) == ["ada"])
                let codes: OneTimeCodes = try services.get("codes")
                #expect(try await codes.generate(for: "7").code?.text.count == 8)
                try await services.get("client", as: RedisClient.self).ping()
                let lease = try await services.get("locks", as: Locks.self).acquire("x", ttl: .seconds(30))
                #expect(try server("EXISTS", "app:lock:{x}") == 1)
                try await lease.release()
                let outcome = try await services.get("tasks", as: TaskCoordinator.self).once("t", lease: .seconds(30)) {
                    _ in 7
                }
                guard case .executed(7, _) = outcome else { throw TestTimeout("the task to run") }
                let limiter: RateLimiter = try services.get("limiter")
                let verdicts = try await [limiter.check("k"), limiter.check("k"), limiter.check("k")]
                #expect(verdicts.map(\.isAllowed) == [true, true, false])
                #expect(try services.get("bursts", as: RateLimiter.self).rules.first?.capacity == 3)
                let publisher: EventPublisher = try services.get("publisher")
                try await publisher.publish(
                    type: "order.created", payloadJSON: Data(#"{"id":"7"}"#.utf8), to: "orders")
                _ = try services.get("subscriber", as: EventSubscriber.self)
            }
        }
    }
}

/// Where tests may write.
enum NSTemporaryDirectoryPath {
    static func file(_ name: String) -> String { FileManager.default.temporaryDirectory.path + "/" + name }
}
