import RedisCore
import Testing

@Suite struct `A configuration from the environment` {
    @Test func `has the documented defaults when nothing is set`() throws {
        let configuration = try RedisConfiguration(environment: ["PATH": "/bin", "REDIS_PASSWORD": "", "REDIS_DB": ""])
        #expect(configuration.endpoint == .tcp(host: "localhost", port: 6379))
        #expect(configuration.password == nil)
        #expect(configuration.database == 0)
        #expect(configuration.retry.maxRetries == 3)
        #expect(configuration.commandConnections == 10)
        #expect(configuration.eagerConnections == 5)
        #expect(configuration.commandTimeout == .seconds(6))
    }

    @Test func `takes every variable`() throws {
        let configuration = try RedisConfiguration(environment: [
            "REDIS_HOST": "db", "REDIS_PORT": "7000", "REDIS_PASSWORD": "pw", "REDIS_DB": "4", "REDIS_MAX_RETRIES": "0",
            "REDIS_POOL_SIZE": "20", "REDIS_MIN_IDLE_CONNS": "7", "REDIS_READ_TIMEOUT": "500ms",
            "REDIS_WRITE_TIMEOUT": "1m30s",
        ])
        #expect(configuration.endpoint == .tcp(host: "db", port: 7_000))
        #expect(configuration.password == Secret("pw"))
        #expect(configuration.database == 4)
        #expect(configuration.retry.maxRetries == 0)
        #expect(configuration.commandConnections == 20)
        #expect(configuration.eagerConnections == 7)
        #expect(configuration.commandTimeout == .milliseconds(90_500))
    }

    @Test func `prefers the URL and fills in what it leaves open`() throws {
        let configuration = try RedisConfiguration(environment: [
            "REDIS_URL": "redis://ada@db:1", "REDIS_HOST": "other", "REDIS_PORT": "tcp://10.0.0.1:6379",
            "REDIS_PASSWORD": "pw", "REDIS_DB": "2",
        ])
        #expect(configuration.endpoint == .tcp(host: "db", port: 1))
        #expect(configuration.username == "ada")
        #expect(configuration.password == Secret("pw"))
        #expect(configuration.database == 2)
        let complete = try RedisConfiguration(environment: [
            "REDIS_URL": "redis://:url@db/2?timeout=9s", "REDIS_PASSWORD": "pw", "REDIS_DB": "2",
        ])
        #expect(complete.password == Secret("url"))
        #expect(complete.commandTimeout == .seconds(9))
    }

    @Test func `opens no more connections at once than the pool may hold`() throws {
        let configuration = try RedisConfiguration(environment: ["REDIS_POOL_SIZE": "2"])
        #expect(configuration.commandConnections == 2)
        #expect(configuration.eagerConnections == 2)
    }

    @Test(arguments: [
        (["REDIS_HOST": "a b"], "REDIS_HOST is 'a b'"), (["REDIS_PORT": "0"], "REDIS_PORT is '0'"),
        (["REDIS_PORT": "6379 "], "REDIS_PORT is '6379 '"),
        (["REDIS_PORT": "tcp://10.0.0.1:6379"], "enableServiceLinks"),
        (["REDIS_DB": "-1"], "REDIS_DB is '-1'"), (["REDIS_DB": "one"], "REDIS_DB is 'one'"),
        (["REDIS_MAX_RETRIES": "101"], "0 to 100"), (["REDIS_POOL_SIZE": "0"], "1 to 1024"),
        (["REDIS_POOL_SIZE": "1e3"], "REDIS_POOL_SIZE is '1e3'"), (["REDIS_MIN_IDLE_CONNS": "11"], "0 to 10"),
        (["REDIS_POOL_SIZE": "3", "REDIS_MIN_IDLE_CONNS": "4"], "REDIS_MIN_IDLE_CONNS is '4'"),
        (["REDIS_READ_TIMEOUT": "3"], "REDIS_READ_TIMEOUT is '3'"),
        (["REDIS_WRITE_TIMEOUT": "-1s"], "REDIS_WRITE_TIMEOUT"),
        (["REDIS_WRITE_TIMEOUT": "0s"], "REDIS_WRITE_TIMEOUT is '0s'"), (["REDIS_URL": "redis://db/x"], "'x'"),
        (["REDIS_URL": "redis://db/1", "REDIS_DB": "2"], "REDIS_DB is 2"),
        (["REDIS_URL": "redis://db?timeout=1s", "REDIS_READ_TIMEOUT": "3s"], "REDIS_READ_TIMEOUT"),
    ])
    func `names the variable, its value and the range`(environment: [String: String], word: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(environment: environment) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: ["REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_POOL_SIZE", "REDIS_READ_TIMEOUT"])
    func `does not show a URL that landed in the wrong variable`(name: String) {
        let error = #expect(throws: RedisError.self) {
            try RedisConfiguration(environment: [name: "redis://:hunter2@db"])
        }
        #expect(error?.message.contains(name) == true)
        #expect(error?.message.contains("hunter2") == false)
    }
}
