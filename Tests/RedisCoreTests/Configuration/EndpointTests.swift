import Testing

@testable import RedisCore

@Suite struct `An endpoint` {
    @Test(arguments: [
        (RedisConfiguration.Endpoint.tcp(host: "localhost", port: 6379), "localhost:6379"),
        (.tcp(host: "10.0.0.1", port: 1), "10.0.0.1:1"), (.tcp(host: "::1", port: 6380), "[::1]:6380"),
        (.unix(path: "/run/redis.sock"), "/run/redis.sock"),
    ])
    func `describes itself as people write it`(endpoint: RedisConfiguration.Endpoint, text: String) {
        #expect(endpoint.description == text)
    }

    @Test(arguments: [
        ("localhost:6379", "localhost", 6379), ("redis_1.my-net:1", "redis_1.my-net", 1), (":6380", "localhost", 6380),
        ("[::1]:6379", "::1", 6379), ("[fe80::1%eth0]:65535", "fe80::1%eth0", 65_535),
        ("127.0.0.1:6379", "127.0.0.1", 6379),
    ])
    func `is read from host and port`(text: String, host: String, port: Int) throws {
        let endpoint = try RedisConfiguration.Endpoint(hostAndPort: text, field: "addr")
        #expect(endpoint == .tcp(host: host, port: port))
    }

    @Test(arguments: [
        "", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:+1", "localhost:6379x", "::1:6379",
        "[]:1",
        "[localhost]:1", "a b:1", "redis://localhost:6379", "höst:1", "a\u{0}b:1", "[::1]x:1", "x[::1]:1",
        "localhost: 1",
    ])
    func `is refused when host or port are not valid, naming the field`(text: String) {
        let error = #expect(throws: RedisError.self) {
            try RedisConfiguration.Endpoint(hostAndPort: text, field: "addr")
        }
        #expect(error?.code == .configuration)
        #expect(error?.message.contains("addr") == true)
    }
}
