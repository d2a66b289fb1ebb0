import Testing

@testable import RedisCore

@Suite struct `A configuration` {
    @Test func `is valid with its defaults`() throws {
        let configuration = try RedisConfiguration().validated()
        #expect(configuration.endpoint == .tcp(host: "localhost", port: 6379))
        #expect(configuration.connectTimeout == .seconds(5))
        #expect(configuration.commandTimeout == .seconds(30))
        #expect(configuration.commandConnections == 1)
    }

    /// One change each, and the field that the error must name.
    static let mistakes: [(field: String, change: @Sendable (inout RedisConfiguration) -> Void)] = [
        ("endpoint host", { $0.endpoint = .tcp(host: "", port: 1) }),
        ("endpoint host", { $0.endpoint = .tcp(host: "a b", port: 1) }),
        ("endpoint port", { $0.endpoint = .tcp(host: "a", port: 0) }),
        ("endpoint port", { $0.endpoint = .tcp(host: "a", port: 65_536) }),
        ("endpoint path", { $0.endpoint = .unix(path: "") }),
        ("endpoint path", { $0.endpoint = .unix(path: "/a\0b") }),
        ("endpoint path", { $0.endpoint = .unix(path: String(repeating: "x", count: 108)) }),
        ("username", { $0.username = "" }), ("username", { $0.username = "a b" }),
        ("database", { $0.database = -1 }), ("clientName", { $0.clientName = "" }),
        ("clientName", { $0.clientName = "ä" }), ("clientName", { $0.clientName = "a\r\nb" }),
        ("prefix", { $0.prefix = "" }), ("prefix", { $0.prefix = "a{b" }), ("prefix", { $0.prefix = "a}b" }),
        ("prefix", { $0.prefix = "a\nb" }), ("prefix", { $0.prefix = String(repeating: "x", count: 257) }),
        ("commandConnections", { $0.commandConnections = 0 }),
        ("commandConnections", { $0.commandConnections = 1_025 }),
        ("eagerConnections", { $0.eagerConnections = 2 }), ("eagerConnections", { $0.eagerConnections = -1 }),
        ("connectTimeout", { $0.connectTimeout = .zero }), ("connectTimeout", { $0.connectTimeout = .seconds(3_601) }),
        ("commandTimeout", { $0.commandTimeout = .seconds(-1) }),
        ("commandTimeout", { $0.commandTimeout = .seconds(86_401) }),
        ("heartbeat", { $0.heartbeat = .milliseconds(9) }), ("offline", { $0.offline = .wait(capacity: 0) }),
        ("retry.maxRetries", { $0.retry.maxRetries = -1 }), ("retry.maxRetries", { $0.retry.maxRetries = 101 }),
        ("retry.initialDelay", { $0.retry.initialDelay = .seconds(-1) }),
        ("retry.multiplier", { $0.retry.multiplier = 0.5 }),
        ("retry.multiplier", { $0.retry.multiplier = .nan }), ("retry.multiplier", { $0.retry.multiplier = .infinity }),
        ("reconnect.initialDelay", { $0.reconnect.initialDelay = .zero }),
        ("reconnect.maxDelay", { $0.reconnect.maxDelay = .milliseconds(1) }),
        ("reconnect.maxDelay", { $0.reconnect.maxDelay = .seconds(3_601) }),
    ]

    @Test(arguments: mistakes.indices)
    func `with a value out of range is refused by the field's name`(index: Int) {
        var configuration = RedisConfiguration()
        Self.mistakes[index].change(&configuration)
        let error = #expect(throws: RedisError.self) { try configuration.validated() }
        #expect(error?.code == .configuration)
        #expect(error?.message.hasPrefix(Self.mistakes[index].field) == true, "\(error?.message ?? "")")
    }

    @Test func `in the terms of a pool takes pool, retries and credentials`() throws {
        let plain = try RedisConfiguration(host: "db", pool: .init())
        #expect(plain.endpoint == .tcp(host: "db", port: 6379))
        #expect(plain.commandConnections == 10)
        #expect(plain.eagerConnections == 5)
        #expect(plain.commandTimeout == .seconds(30))
        #expect(plain.retry == RetryPolicy(maxRetries: 3, initialDelay: .milliseconds(100), multiplier: 2.0))
        let wide = try RedisConfiguration(
            username: "ada", password: Secret("pw"), database: 2,
            pool: .init(maxSize: 30, minIdle: 0, maxIdle: 40, timeout: .seconds(1)))
        #expect(wide.commandConnections == 30)
        #expect(wide.eagerConnections == 0)
        #expect(wide.commandTimeout == .seconds(1))
        #expect(wide.username == "ada" && wide.password == Secret("pw") && wide.database == 2)
    }

    @Test(arguments: [
        (RedisConfiguration.Pool(maxSize: 0), "pool.maxSize"), (.init(maxIdle: 0), "pool.maxIdle"),
        (.init(minIdle: 11), "pool.minIdle"), (.init(maxSize: 4), "pool.minIdle"), (.init(minIdle: -1), "pool.minIdle"),
        (.init(timeout: .zero), "pool.timeout"),
    ])
    func `refuses a pool out of range by the field's name`(pool: RedisConfiguration.Pool, field: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(pool: pool) }
        #expect(error?.code == .configuration)
        #expect(error?.message.hasPrefix(field) == true)
    }
}
