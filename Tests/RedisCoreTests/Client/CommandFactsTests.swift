import RedisCore
import TestSupport
import Testing

@Suite struct `A shared connection` {
    @Test(arguments: [
        "SUBSCRIBE", "psubscribe", "UNSUBSCRIBE", "MONITOR", "SYNC", "SELECT", "Auth", "HELLO", "RESET", "QUIT",
        "MULTI", "EXEC",
        "DISCARD", "WATCH", "UNWATCH", "BLPOP", "BRPOP", "BLMOVE", "BZPOPMIN", "WAIT",
    ])
    func `refuses what would change or block it for everybody, and says what to do instead`(name: String) async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        let command = RedisCommand(name, "x")
        let single = await #expect(throws: RedisError.self) { try await redis.command(command) }
        let piped = await #expect(throws: RedisError.self) {
            try await redis.pipeline([RedisCommand("PING"), command])
        }
        for error in [single, piped] {
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(name) == true)
        }
        await redis.close()
    }

    @Test(arguments: [true, false])
    func `refuses a read that blocks`(isGroup: Bool) async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        let command =
            isGroup
            ? RedisCommand("XREADGROUP", "GROUP", "g", "c", "block", 0, "STREAMS", RedisKey("s"), ">")
            : RedisCommand("XREAD", "BLOCK", 0, "STREAMS", RedisKey("s"), "$")
        let error = await #expect(throws: RedisError.self) { try await redis.command(command) }
        #expect(error?.code == .invalidArgument)
        await redis.close()
    }

    @Test func `takes a stream command whose data is the word block`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await redis.command(RedisCommand("XADD", RedisKey("s"), "*", "action", "block"))
                let length = try await redis.command(RedisCommand("XLEN", RedisKey("s")), as: Int.self)
                #expect(length == 1)
                try await redis.command(RedisCommand("XREAD", "STREAMS", RedisKey("block"), "0"))
            }
        }
    }

    @Test(arguments: [
        ["CLIENT", "REPLY", "OFF"], ["client", "reply", "skip"], ["CLIENT", "TRACKING", "ON"],
        ["CLIENT", "SETNAME", "x"],
        ["SCRIPT", "DEBUG", "YES"], ["READONLY"],
    ])
    func `refuses settings of the connection`(words: [String]) async throws {
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        let command = RedisCommand(words[0], arguments: Array(words.dropFirst()))
        let error = await #expect(throws: RedisError.self) { try await redis.command(command) }
        #expect(error?.code == .invalidArgument)
        await redis.close()
    }

    @Test func `takes the other subcommands of such commands`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                for words in [["CLIENT", "ID"], ["CLIENT", "LIST"], ["SCRIPT", "EXISTS", "x"], ["SCRIPT", "FLUSH"]] {
                    try await redis.command(RedisCommand(words[0], arguments: Array(words.dropFirst())))
                }
                let bare = await #expect(throws: RedisError.self) { try await redis.command(RedisCommand("CLIENT")) }
                #expect(bare?.code == .server, "the server refuses it, not the client")
            }
        }
    }
}
