import RedisCore
import Testing

@Suite struct `A configuration from named settings` {
    @Test func `has the documented defaults when nothing is given`() throws {
        let configuration = try RedisConfiguration(settings: [:])
        #expect(configuration.endpoint == .tcp(host: "localhost", port: 6379))
        #expect(configuration.database == 0)
        #expect(configuration.commandConnections == 10)
        #expect(configuration.commandTimeout == .seconds(30))
        #expect(configuration.password == nil)
    }

    @Test func `takes the settings of a key-value store`() throws {
        let configuration = try RedisConfiguration(settings: [
            "addr": "db:7000", "password": "pw", "db": "15", "pool_size": "20", "prefix": "myapp",
        ])
        #expect(configuration.endpoint == .tcp(host: "db", port: 7_000))
        #expect(configuration.password == Secret("pw"))
        #expect(configuration.database == 15)
        #expect(configuration.commandConnections == 20)
        #expect(configuration.prefix == "myapp")
    }

    @Test func `takes the settings of a cache service`() throws {
        let configuration = try RedisConfiguration(settings: [
            "host": "::1", "port": "7000", "username": "ada", "password": "", "database": "16", "max_connections": "12",
            "min_idle": "3", "socket_timeout": "10",
        ])
        #expect(configuration.endpoint == .tcp(host: "::1", port: 7_000))
        #expect(configuration.username == "ada")
        #expect(configuration.password == nil)
        #expect(configuration.database == 16)
        #expect(configuration.commandConnections == 12)
        #expect(configuration.eagerConnections == 3)
        #expect(configuration.commandTimeout == .seconds(10))
    }

    @Test func `takes a socket timeout with a unit as well`() throws {
        #expect(try RedisConfiguration(settings: ["socket_timeout": "1m30s"]).commandTimeout == .seconds(90))
    }

    @Test(arguments: [
        (["addr": "db"], "addr is 'db'"), (["addr": "db:x"], "addr is 'x'"), (["port": "x"], "port is 'x'"),
        (["db": "16"], "db is '16'; expected a whole number from 0 to 15"), (["database": "-1"], "database is '-1'"),
        (["pool_size": "0"], "pool_size is '0'"), (["max_connections": "many"], "max_connections is 'many'"),
        (["min_idle": "11"], "min_idle is '11'"), (["socket_timeout": "0"], "socket_timeout is '0'"),
        (["socket_timeout": "soon"], "socket_timeout is 'soon'"), (["prefix": "a b"], "prefix is 'a b'"),
        (["pool-size": "3"], "'pool-size'"), (["addr": "db:1", "port": "2"], "addr and port"),
        (["addr": "db:1", "host": "db"], "addr and host"), (["db": "1", "database": "1"], "db and database"),
        (["pool_size": "1", "max_connections": "1"], "pool_size and max_connections"),
        (["socket_timeout": "99999999999999999999"], "socket_timeout is"),
    ])
    func `names the setting, its value and the range`(settings: [String: String], words: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(settings: settings) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
    }

    @Test func `never shows an address with a password`() {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(settings: ["addr": ":hunter2@db:6379"]) }
        #expect(error?.message.contains("hunter2") == false)
    }
}
