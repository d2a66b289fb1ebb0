import RedisCore
import TestSupport
import Testing

@Suite struct `A transaction` {
    @Test func `executes all its commands in one round trip`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let results = try await redis.transaction([
                    RedisCommand("SET", RedisKey("a"), "1"), RedisCommand("INCR", RedisKey("a")),
                    RedisCommand("GET", RedisKey("a")),
                ])
                let values = try results.map { try $0.get() }
                #expect(values == [.status("OK"), .integer(2), .bytes(Array("2".utf8))])
                #expect(try await redis.transaction([]).isEmpty)
            }
        }
    }

    @Test func `reports a command that fails while executing, and keeps the others`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await redis.command(RedisCommand("SADD", RedisKey("set"), "x"))
                let results = try await redis.transaction([
                    RedisCommand("INCR", RedisKey("set")), RedisCommand("INCR", RedisKey("number")),
                ])
                let error = #expect(throws: RedisError.self) { try results[0].get() }
                #expect(error?.code == .wrongType)
                #expect(error?.operation == "INCR")
                #expect(try results[1].get() == .integer(1))
            }
        }
    }

    @Test func `executes nothing when the server refuses a command beforehand`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let error = await #expect(throws: RedisError.self) {
                    try await redis.transaction([
                        RedisCommand("SET", RedisKey("a"), "1"), RedisCommand("GETT", RedisKey("a"), "secret"),
                    ])
                }
                #expect(error?.code == .transactionRefused)
                #expect(error?.operation == "GETT")
                #expect(error?.message.contains("unknown command") == true)
                #expect(!String(describing: error).contains("secret"))
                #expect(try server("EXISTS", "a") == 0)
                let next = try await redis.transaction([RedisCommand("PING")])
                #expect(next.count == 1, "the connection still serves")
            }
        }
    }

    @Test func `keeps others out: a hundred read-modify-writes lose nothing`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await withThrowingTaskGroup { group in
                    for _ in 0..<4 {
                        group.addTask {
                            for _ in 0..<25 { try await Self.increment(redis, "counter", attempts: 1_000) }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(try await redis.get("counter", as: Int.self) == 100)
            }
        }
    }

    @Test func `is aborted when a watched key changes, and leaves the connection clean`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let error = await #expect(throws: RedisError.self) {
                    try await redis.transaction(watching: ["a"], attempts: 2) { connection in
                        try server("INCR", "a")
                        return [RedisCommand("SET", RedisKey("b"), "written")]
                    }
                }
                #expect(error?.code == .transactionAborted)
                #expect(try server("GET", "a") == "2", "the body ran once an attempt")
                #expect(try server("EXISTS", "b") == 0)
                try server("SET", "a", "40")
                try await Self.increment(redis, "a", attempts: 1)
                #expect(try server("GET", "a") == "41")
                #expect(try server.clients().filter { $0["multi"] != "-1" }.isEmpty)
            }
        }
    }

    @Test func `does not outlive a body that throws`() async throws {
        struct Changed: Error {}
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                await #expect(throws: Changed.self) {
                    try await redis.transaction(watching: ["a"]) { _ in throw Changed() }
                }
                try await Self.increment(redis, "a", attempts: 1)
                #expect(try server("GET", "a") == "1")
            }
        }
    }

    @Test(arguments: ["MULTI", "exec", "WATCH", "SUBSCRIBE", "SELECT", "QUIT"])
    func `refuses commands that would leave it`(name: String) async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        let error = await #expect(throws: RedisError.self) { try await redis.transaction([RedisCommand(name, "x")]) }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains(name) == true)
        await redis.close()
    }

    @Test func `watching nothing, or never trying, is refused`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        for (keys, attempts) in [([], 1), (["a"], 0)] as [([RedisKey], Int)] {
            let error = await #expect(throws: RedisError.self) {
                try await redis.transaction(watching: keys, attempts: attempts) { _ in [] }
            }
            #expect(error?.code == .invalidArgument)
        }
        await redis.close()
    }

    private static func increment(_ redis: RedisClient, _ key: RedisKey, attempts: Int) async throws {
        _ = try await redis.transaction(watching: [key], attempts: attempts) { connection in
            let value = try await connection.command(RedisCommand("GET", key), as: Int?.self) ?? 0
            return [RedisCommand("SET", key, value + 1)]
        }
    }
}
