import RedisCore
import TestSupport
import Testing

@Suite struct `A pipeline` {
    @Test func `answers in order, and one failing fails no other`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let results = try await redis.pipeline([
                    RedisCommand("SET", RedisKey("a"), "x"), RedisCommand("INCR", RedisKey("a")),
                    RedisCommand("NOSUCH"), RedisCommand("GET", RedisKey("a")),
                ])
                #expect(results.count == 4)
                #expect(try results[0].get() == .status("OK"))
                #expect(throws: RedisError.self) { try results[1].get() }
                let unknown = #expect(throws: RedisError.self) { try results[2].get() }
                #expect(unknown?.code == .unknownCommand)
                #expect(unknown?.operation == "NOSUCH")
                #expect(try results[3].get() == .bytes([UInt8(ascii: "x")]))
            }
        }
    }

    @Test func `of nothing asks nothing`() async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        #expect(try await redis.pipeline([]).isEmpty)
        await redis.close()
    }

    @Test func `of 20,000 commands is one of many at the same time`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await withThrowingTaskGroup { group in
                    for task in 0..<4 {
                        group.addTask {
                            let commands = (0..<20_000).map { RedisCommand("ECHO", "\(task):\($0)") }
                            let results = try await redis.pipeline(commands)
                            let isInOrder = try results.enumerated().allSatisfy { number, result in
                                try result.get() == .bytes(Array("\(task):\(number)".utf8))
                            }
                            #expect(isInOrder)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `mixes small and large values`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let large = [UInt8](repeating: 7, count: 3_000_000)
                let commands = (0..<10).flatMap { number -> [RedisCommand] in
                    let key = RedisKey("key:\(number)")
                    return [RedisCommand("SET", key, number.isMultiple(of: 2) ? large : [9]), RedisCommand("GET", key)]
                }
                let results = try await redis.pipeline(commands)
                for number in 0..<10 {
                    let value = try results[number * 2 + 1].get()
                    #expect(value == .bytes(number.isMultiple(of: 2) ? large : [9]))
                }
            }
        }
    }

    @Test func `answers with every kind of reply, nested and large`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let large = [UInt8](repeating: 3, count: 40_000)
                try await redis.set("large", to: large)
                let lua =
                    "return {1, false, redis.status_reply('S'), redis.error_reply('ERR e'), {'a', {}}, "
                    + "redis.call('GET', KEYS[1])}"
                let results = try await redis.pipeline([
                    RedisCommand("EVAL", lua, 1, RedisKey("large")), RedisCommand("GET", RedisKey("none")),
                    RedisCommand("GET", RedisKey("large")),
                ])
                let nested: [RedisValue] = [
                    .integer(1), .null, .status("S"), .error("ERR e"), .array([.bytes([97]), .array([])]),
                    .bytes(large),
                ]
                #expect(try results.map { try $0.get() } == [.array(nested), .null, .bytes(large)])
            }
        }
    }
}
