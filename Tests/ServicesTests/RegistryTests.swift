import Cache
import Logging
import RedisCore
import ServiceLifecycle
import Services
import Synchronization
import TestSupport
import Testing

/// Getting, making, sharing and closing.
@Suite struct RegistryTests {
    @Test func `a service is made from a map, as from a file`() async throws {
        try await withRedisServer { server in
            guard case .tcp(let host, let port) = server.tcp.configuration.endpoint else { return }
            try await withRegistry { services in
                let store = try services.create(
                    "cache", type: "kvstore_redis",
                    config: [
                        "addr": "\(host):\(port)", "password": "", "db": 3, "pool_size": 10, "prefix": "my${app}",
                        "timeout": "20s",
                    ],
                    as: (any KeyValueStore).self)
                try await store.set("a", 1)
                #expect(try server.info("keyspace")["db3"] != nil)
                let redis = try services.get("cache", as: RedisKeyValueStore.self)
                #expect(redis.prefix == "my${app}", "a program's text has no variables")
            }
        }
    }

    @Test func `a map's mistakes name the key`() {
        let services = ServiceRegistry()
        services.registerCore()
        let message = serviceError(.configuration) {
            try services.create("cache", type: "kvstore_redis", config: ["db": "sixteen", "pool": 3])
        }
        #expect(
            message.split(separator: "\n").map(String.init) == [
                "create: services.cache.config.db: must be a whole number from 0 to 15, not 'sixteen'",
                "create: services.cache.config.pool: unknown key (did you mean 'pool_size'?); known here: "
                    + "addr, host, port, url, username, password, db, pool_size, min_idle, connect_timeout, "
                    + "command_timeout, heartbeat, max_retries, client_name, prefix, default_ttl, serializer, "
                    + "max_value_bytes, compression, timeout",
            ])
        #expect(services.names.isEmpty)
    }

    @Test func `get tells a wrong type by service, actual and wanted, and a wrong name by those there are`()
        async throws
    {
        try await withRegistry { services in
            try services.create("users", type: "kvstore_redis")
            try services.create("memory", type: "kvstore_memory")
            #expect(
                serviceError(.wrongType) { try services.get("users", as: RedisCache.self) }
                    == "the service 'users' (kvstore_redis) is of type RedisKeyValueStore, not RedisCache")
            #expect(
                serviceError(.notFound) { try services.get("user", as: (any KeyValueStore).self) }
                    == "there is no service 'user' (did you mean 'users'?): there are users, memory")
            #expect(
                serviceError(.wrongType) { try services.create("x", type: "kvstore_memory", as: RedisCache.self) }
                    .hasSuffix("is of type InMemoryKeyValueStore, not RedisCache"))
            #expect(services.names == ["users", "memory"], "what was not given out is not kept")
        }
    }

    @Test func `names and types can be taken once`() async throws {
        try await withRegistry { services in
            try services.create("a", type: "kvstore_memory")
            serviceError(.duplicate) { try services.create("a", type: "kvstore_memory") }
            serviceError(.duplicate) { try services.add("a", 5) }
            serviceError(.duplicate) { try services.register(.redisKeyValueStore) }
            services.registerCore()
            services.registerAll()
        }
    }

    @Test func `core, one and all`() throws {
        let core = ServiceRegistry()
        core.registerCore()
        #expect(core.types == ["kvrepository_redis", "kvstore_memory", "kvstore_redis", "redis", "redis_cache"])
        let one = ServiceRegistry()
        try one.register(.redisKeyValueStore)
        #expect(one.types == ["kvstore_redis"])
        one.registerAll()
        #expect(one.types.count == ServiceFactory.all.count)
    }

    @Test func `a type of one's own reads settings, makes, and is closed`() async throws {
        let closed = TestSignal("the greeter is closed")
        let greeter = ServiceFactory("greeter") { settings in
            (settings.text("greeting", default: "Hello"), settings.texts("names"))
        } make: { settings, _ in
            settings.1.map { "\(settings.0), \($0)" }
        } close: { _ in
            closed.fire()
        }
        try await withRegistry { services in
            try services.register(greeter)
            try services.load(
                yaml: "services: { g: { type: greeter, config: { names: [Ada, '${ME:Bob}'] } } }", environment: [:])
            #expect(try services.get("g", as: [String].self) == ["Hello, Ada", "Hello, Bob"])
            #expect(await services.close("g"))
            #expect(await !services.close("g"))
        }
        #expect(closed.count == 1)
    }

    @Test func `000: stores share a client by connection settings, and closing one leaves the others'`() async throws {
        try await withRedisServer { server in
            try await withRegistry { services in
                let settings: [String: ServiceValue] = ["url": .text(server.tcp.url), "timeout": "20s"]
                func store(_ name: String, _ more: [String: ServiceValue]) throws -> RedisKeyValueStore {
                    try services.create(
                        name, type: "kvstore_redis", config: .map(settings.merging(more) { $1 }),
                        as: RedisKeyValueStore.self)
                }
                let users = try store("users", ["prefix": "users"])
                let orders = try store("orders", ["prefix": "orders"])
                let cache = try services.create(
                    "cache", type: "redis_cache", config: .map(settings), as: RedisCache.self)
                let other = try store("other", ["db": 1])
                #expect(users.redis === orders.redis, "the prefix is no connection setting")
                #expect(users.redis !== other.redis)
                try await users.set("a", 1)
                #expect(await services.close("users"))
                try await orders.set("a", 2)
                #expect(try await orders.get("a") == 2)
                #expect(await services.close("orders"))
                try await cache.set("a", 3)
                #expect(await services.close("cache"))
                await #expect(throws: RedisError.self, "the last one closed it") { try await users.redis.ping() }
                try await other.set("a", 4)
                let again = try store("users", ["prefix": "users"])
                #expect(try await again.get("a") == 1, "a closed client is not given out again")
            }
        }
    }

    @Test func `000: services that come and go at once never get a client that is being closed`() async throws {
        try await withRedisServer { server in
            try await withRegistry { services in
                let config: ServiceValue = ["url": "\(server.tcp.url)", "timeout": "20s"]
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for task in 0..<8 {
                        group.addTask {
                            for round in 0..<20 {
                                let store = try services.create(
                                    "s\(task)", type: "kvstore_redis", config: config, as: RedisKeyValueStore.self)
                                try await store.set("k\(task)", round, ttl: .short)
                                #expect(await services.close("s\(task)"))
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                try await eventually("the last client to be gone") { try server.clients().count <= 1 }
            }
        }
    }

    @Test func `shutting down closes every client, and nothing is made afterwards`() async throws {
        try await withRedisServer { server in
            let services = ServiceRegistry()
            services.registerAll()
            let store = try services.create(
                "a", type: "kvstore_redis", config: ["url": "\(server.tcp.url)", "timeout": "20s"],
                as: RedisKeyValueStore.self)
            try await store.set("x", 1)
            await services.shutDown()
            await services.shutDown()
            await #expect(throws: CacheError.self) { try await store.find("x", as: Int.self) }
            #expect(services.names.isEmpty)
            serviceError(.closed) { try services.create("b", type: "kvstore_memory") }
            serviceError(.notFound) { try services.get("a", as: RedisKeyValueStore.self) }
        }
    }

    @Test func `two who shut it down both wait until all is closed`() async throws {
        let services = ServiceRegistry()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let isClosed = Flag()
        try services.add("slow", 1) { _ in
            begin.finish()
            for await _ in gate {}
            isClosed.value.store(true, ordering: .relaxed)
        }
        let first = Task { await services.shutDown() }
        for await _ in begun {}
        let second = Task {
            await services.shutDown()
            return isClosed.value.load(ordering: .relaxed)
        }
        // A second call that does not wait would be over by now.
        for _ in 0..<1_000 { await Task.yield() }
        open.finish()
        await first.value
        #expect(await second.value)
    }

    @Test func `shutting down waits for a service that is being closed, and closes the others after it`() async throws {
        let services = ServiceRegistry()
        let (gate, open) = AsyncStream<Void>.makeStream()
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let closed = Mutex<[String]>([])
        try services.add("other", 1) { _ in closed.withLock { $0.append("other") } }
        try services.add("slow", 1) { _ in
            begin.finish()
            for await _ in gate {}
            closed.withLock { $0.append("slow, cancelled: \(Task.isCancelled)") }
        }
        let close = Task { await services.close("slow") }
        for await _ in begun {}
        #expect(services.names == ["other"])
        let end = Task {
            await services.shutDown()
            return closed.withLock { $0 }
        }
        // A shutdown that does not wait would be over by now.
        for _ in 0..<1_000 { await Task.yield() }
        close.cancel()
        #expect(closed.withLock { $0 } == [])
        open.finish()
        #expect(await end.value == ["slow, cancelled: false", "other"])
        #expect(await close.value)
    }

    @Test func `in a service group it closes at the graceful shutdown`() async throws {
        let services = ServiceRegistry()
        services.registerAll()
        try services.create("a", type: "kvstore_memory")
        try await within {
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: services)], logger: .init(label: "test")))
            async let run: Void = group.run()
            await group.triggerGracefulShutdown()
            try await run
        }
        #expect(services.names.isEmpty)
    }

    @Test func `a store added by hand stands in for the one of the file`() async throws {
        try await withRegistry { services in
            try services.add("users", InMemoryKeyValueStore())
            let store: any KeyValueStore = try services.get("users")
            try await store.set("a", 1)
            #expect(try await store.get("a") == 1)
        }
    }
}

private final class Flag: Sendable {
    let value = Atomic(false)
}
