import Testing

@testable import RedisCore

@Suite struct `A Redis URL` {
    @Test(arguments: [
        ("redis://", RedisConfiguration()),
        ("redis://localhost", RedisConfiguration()),
        ("REDIS://localhost:6379/", RedisConfiguration()),
        ("redis://db.example:7000/3", RedisConfiguration(endpoint: .tcp(host: "db.example", port: 7_000), database: 3)),
        ("redis://db?db=3", RedisConfiguration(endpoint: .tcp(host: "db", port: 6379), database: 3)),
        (
            "redis://ada:pw@db:1/0",
            RedisConfiguration(
                endpoint: .tcp(host: "db", port: 1), username: "ada", password: Secret("pw"))
        ),
        ("redis://:pw@db", RedisConfiguration(endpoint: .tcp(host: "db", port: 6379), password: Secret("pw"))),
        ("redis://ada@db", RedisConfiguration(endpoint: .tcp(host: "db", port: 6379), username: "ada")),
        ("redis://ada:@db", RedisConfiguration(endpoint: .tcp(host: "db", port: 6379), username: "ada")),
        (
            "redis://:p%40s%3As%2Fw%25%C3%BC+@db",
            RedisConfiguration(
                endpoint: .tcp(host: "db", port: 6379), password: Secret("p@s:s/w%ü+"))
        ),
        ("redis://:a:b@db", RedisConfiguration(endpoint: .tcp(host: "db", port: 6379), password: Secret("a:b"))),
        ("redis://[::1]", RedisConfiguration(endpoint: .tcp(host: "::1", port: 6379))),
        (
            "redis://u:p@[fe80::1%25eth0]:7/1",
            RedisConfiguration(
                endpoint: .tcp(host: "fe80::1%eth0", port: 7), username: "u", password: Secret("p"), database: 1)
        ),
        ("unix:///run/redis.sock", RedisConfiguration(endpoint: .unix(path: "/run/redis.sock"))),
        (
            "unix:///a%20b@c?db=1&user=ada&password=p%26w",
            RedisConfiguration(
                endpoint: .unix(path: "/a b@c"), username: "ada", password: Secret("p&w"), database: 1)
        ),
        (
            "unix://ada:pw@/run/redis.sock",
            RedisConfiguration(
                endpoint: .unix(path: "/run/redis.sock"), username: "ada", password: Secret("pw"))
        ),
    ])
    func `says where the server is and who asks`(url: String, expected: RedisConfiguration) throws {
        #expect(try RedisConfiguration(url: url) == expected)
    }

    @Test func `sets deadline, name and prefix by options`() throws {
        let configuration = try RedisConfiguration(url: "redis://db?timeout=1m30s&client_name=web-1&prefix=shop")
        #expect(configuration.commandTimeout == .seconds(90))
        #expect(configuration.clientName == "web-1")
        #expect(configuration.prefix == "shop")
    }

    @Test(arguments: [
        ("", "no scheme"), ("localhost:6379", "no scheme"), ("http://localhost", "scheme is not redis or unix"),
        ("rediss://localhost", "TLS"), ("redis://a b", "percent-encode"), ("redis://db\n", "percent-encode"),
        ("redis://höst", "non-ASCII"), ("redis://db#1", "percent-encode"), ("redis://db:0", "'0'"),
        ("redis://db:70000", "'70000'"), ("redis://db:x", "1 to 65535"), ("redis://::1", "host"),
        ("redis://[::1", "host"), ("redis://[::1]x", "host"), ("redis://db/x", "'x'"), ("redis://db/-1", "'-1'"),
        ("redis://db/1/", "'1/'"), ("redis://db/1?db=1", "twice"), ("redis://db?db=1&db=1", "twice"),
        ("redis://u@db?user=v", "twice"), ("redis://db?pool=3", "'pool=3'"), ("redis://db?db", "'db'"),
        ("redis://db?&", "name=value"), ("redis://db?timeout=3", "3s"), ("redis://db?timeout=0s", "from"),
        ("redis://db?timeout=25h", "from"), ("redis://db?client_name=a%20b", "clientName"),
        ("redis://db?client_name=", "clientName"), ("redis://db?prefix=%7Ba%7D", "prefix"), ("redis://d%zz", "%25"),
        ("redis://:%ff@db", "UTF-8"), ("redis://:%4@db", "%25"), ("unix://", "absolute path"),
        ("unix:///", "absolute path"), ("unix://run/redis.sock", "absolute path"), ("unix:///a%00b", "endpoint path"),
        ("unix:///\(String(repeating: "x", count: 107))", "107"), ("redis:///?db=99999999999", "99999999999"),
    ])
    func `is refused by name of what is wrong`(url: String, word: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }

    /// Each holds `hunter2` in or as a password, and something wrong.
    @Test(arguments: [
        "redis://:hunter2@db:x", "redis://:hunter2@db:6379/x", "redis://ada:hunter2/x@db:6379",
        "redis://ada:hunter2?x@db",
        "redis://ada:hunter2#x@db", "redis://ada:a@hunter2@db", "redis://ada:hunter2 x@db", "redis://:hunter2%@db",
        "redis://:hunter2%ff@db", "redis://:hunter2@db?x=1", "redis://:a&hunter2@db?x", "unix:///a?password=a&hunter2",
        "unix:///a?password=hunter2&db=x", "unix:///a?password=hunter2&password=hunter2",
        "unix:///a?passwort=a@&hunter2",
        "unix:///a?user=a&password=hunter2%", "rediss://:hunter2@db", "http://:hunter2@db", "ada:hunter2@db",
        "redis://:hunter2@:hunter2", "redis://:hunter2@db?password=hunter2", "redis://a?hunter2@db",
    ])
    func `never shows its password in an error`(url: String) {
        let error = #expect(throws: RedisError.self) { try RedisConfiguration(url: url) }
        #expect(error.map { !"\($0)".contains("hunter2") } == true, "\(error?.message ?? "")")
    }
}
