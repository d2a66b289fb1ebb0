import Foundation
import RedisCore
import TestSupport
import Testing

@Suite struct `A client` {
    /// Containers often have no IPv6.
    private static let hosts =
        (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?.isEmpty == false
        ? ["127.0.0.1", "localhost", "::1"] : ["127.0.0.1", "localhost"]

    @Test(arguments: hosts)
    func `reaches a server by address and by name`(host: String) async throws {
        try await withRedisServer { server in
            if host == "::1" { try server("CONFIG", "SET", "bind", "127.0.0.1 ::1") }
            let configuration = RedisConfiguration(endpoint: .tcp(host: host, port: server.port))
            try await RedisClient.withClient(configuration) { redis in
                let latency = try await redis.ping()
                #expect(latency > .zero)
            }
        }
    }

    @Test func `reaches a server by URL, over TCP and over a Unix socket`() async throws {
        try await withRedisServer { server in
            for url in [server.url, server.tcpURL] {
                let redis = try await RedisClient.connect(url)
                try await redis.set("a", to: url)
                #expect(try await redis.get("a", as: String.self) == url)
                await redis.close()
            }
        }
    }

    @Test func `uses the database, the name and the prefix of its configuration`() async throws {
        try await withRedisServer { server in
            var configuration = server.configuration
            configuration.database = 3
            configuration.clientName = "shop"
            try await RedisClient.withClient(configuration) { redis in
                try await redis.set("a", to: "in 3")
                #expect(try server("GET", "a") == .null)
                #expect(try server.clients().contains { $0["name"] == "shop:commands" && $0["db"] == "3" })
            }
        }
    }

    @Test func `connects as a user of the ACL, with and without a password`() async throws {
        try await withRedisServer { server in
            try server("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", "+@all")
            try server("ACL", "SETUSER", "guest", "on", "nopass", "~*", "&*", "+@all")
            for (user, password) in [("ada", "secret"), ("guest", nil)] as [(String, String?)] {
                var configuration = server.configuration
                configuration.username = user
                configuration.password = password.map { Secret($0) }
                try await RedisClient.withClient(configuration) { redis in
                    let name = try await redis.command(RedisCommand("ACL", "WHOAMI"), as: String.self)
                    #expect(name == user)
                }
            }
        }
    }

    @Test func `is refused a database that the server does not have`() async throws {
        try await withRedisServer { server in
            var configuration = server.configuration
            configuration.database = 99
            let error = await #expect(throws: RedisError.self) { try await RedisClient.connect(configuration) }
            #expect(error?.message.contains("out of range") == true, "\(String(describing: error))")
            #expect(error?.address == server.configuration.endpoint.description)
        }
    }

    @Test func `refuses an invalid configuration before it connects`() async throws {
        var configuration = RedisConfiguration()
        configuration.commandConnections = 0
        let error = await #expect(throws: RedisError.self) { try await RedisClient.connect(configuration) }
        #expect(error?.code == .configuration)
    }

    @Test func `opens its eager connections at once, and no more than it may`() async throws {
        try await withRedisServer { server in
            var configuration = server.configuration
            configuration.clientName = "eager"
            configuration.commandConnections = 4
            configuration.eagerConnections = 3
            let redis = RedisClient(configuration)
            func connections() throws -> Int { try server.clients().count { $0["name"] == "eager:commands" } }
            try await eventually("three connections are open") { try connections() == 3 }
            try await withThrowingTaskGroup { group in
                for _ in 0..<64 { group.addTask { try await redis.ping() } }
                try await group.waitForAll()
            }
            #expect(try connections() == 4)
            await redis.close()
            try await eventually("all are closed") { try connections() == 0 }
        }
    }

    @Test func `keeps one connection for any number of callers`() async throws {
        try await withRedisServer { server in
            var configuration = server.configuration
            configuration.clientName = "shared"
            try await RedisClient.withClient(configuration) { redis in
                try await withThrowingTaskGroup { group in
                    for number in 0..<1_000 {
                        group.addTask {
                            let key = RedisKey("key:\(number)")
                            try await redis.set(key, to: "\(number)")
                            let value = try await redis.get(key, as: Int.self)
                            #expect(value == number)
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try server.clients().count { $0["name"]?.hasPrefix("shared") == true } == 1)
            }
        }
    }

    @Test func `sets with an expiry, deletes and publishes`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await redis.set("a", to: "x", expiresIn: .seconds(60))
                let left = try server("PTTL", "a").int ?? 0
                #expect((1...60_000).contains(left))
                for expiry in [Duration.zero, .seconds(-1), .microseconds(999)] {
                    let error = await #expect(throws: RedisError.self) {
                        try await redis.set("a", to: "x", expiresIn: expiry)
                    }
                    #expect(error?.code == .invalidArgument)
                }
                #expect(try await redis.delete("a", "b") == 1)
                #expect(try await redis.delete() == 0)
                #expect(try await redis.publish("hello", to: "nobody") == 0)
                #expect(try await redis.get("a") == nil)
            }
        }
    }

    @Test func `shows no password, wherever it is printed`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere"), password: Secret("hunter2")))
        var dumped = ""
        dump(redis.configuration, to: &dumped)
        #expect(!"\(redis.configuration)\(dumped)".contains("hunter2"))
        await redis.close()
    }
}
