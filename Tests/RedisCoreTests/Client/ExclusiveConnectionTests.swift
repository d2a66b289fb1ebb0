import TestSupport
import Testing

@testable import RedisCore

@Suite struct `What is left on an exclusive connection` {
    private func isClean(after names: String...) -> Bool {
        var marks = ConnectionMarks()
        let commands = names.map { name in
            let words = name.split(separator: " ").map(String.init)
            return RedisCommand(words[0], arguments: Array(words.dropFirst()))
        }
        for command in commands { marks.sending(command) }
        for command in commands { marks.answered(command) }
        return marks.isClean
    }

    @Test func `is nothing after transactions that have ended`() {
        #expect(isClean(after: "GET a", "BLPOP a 0", "CLIENT ID"))
        #expect(isClean(after: "WATCH a", "GET a", "MULTI", "SET a 1", "EXEC"))
        #expect(isClean(after: "WATCH a", "UNWATCH"))
        #expect(isClean(after: "watch a", "multi", "discard"))
    }

    @Test func `is a WATCH, a MULTI or a setting otherwise`() {
        #expect(!isClean(after: "WATCH a"))
        #expect(!isClean(after: "MULTI", "SET a 1"))
        #expect(!isClean(after: "UNWATCH", "WATCH a"))
        #expect(!isClean(after: "MULTI", "EXEC", "MULTI"))
        #expect(!isClean(after: "WATCH a", "MULTI", "UNWATCH"))
        #expect(!isClean(after: "CLIENT SETNAME x"))
        #expect(!isClean(after: "CLIENT TRACKING ON", "MULTI", "EXEC"))
    }

    @Test func `counts as left while its end was sent and not answered`() {
        var marks = ConnectionMarks()
        let watch = RedisCommand("WATCH", RedisKey("a"))
        marks.sending(watch)
        marks.answered(watch)
        marks.sending(RedisCommand("UNWATCH"))
        #expect(!marks.isClean)
    }
}

@Suite struct `An exclusive connection` {
    @Test func `is used again when it is clean, and only then`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                func id(after commands: [RedisCommand] = []) async throws -> Int {
                    try await redis.withExclusiveConnection { connection in
                        _ = try await connection.pipeline(commands)
                        return try await connection.command(RedisCommand("CLIENT", "ID"), as: Int.self)
                    }
                }
                let first = try await id()
                #expect(try await id() == first)
                let setting = RedisCommand("CLIENT", "SETNAME", "mine")
                #expect(try await id(after: [setting]) == first)
                #expect(try await id() != first)
            }
        }
    }

    @Test func `is out of reach once its closure has ended`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let kept = try await redis.withExclusiveConnection { $0 }
                let single = await #expect(throws: RedisError.self) { try await kept.command(RedisCommand("PING")) }
                #expect(single?.code == .closed)
                let piped = await #expect(throws: RedisError.self) { try await kept.pipeline([RedisCommand("PING")]) }
                #expect(piped?.code == .closed)
            }
        }
    }

    @Test(arguments: ["SUBSCRIBE", "SELECT", "AUTH", "QUIT", "MONITOR"])
    func `refuses what the handshake or the reading of replies would not survive`(name: String) async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let error = await #expect(throws: RedisError.self) {
                    try await redis.withExclusiveConnection { connection in
                        try await connection.command(RedisCommand(name, "x"))
                    }
                }
                #expect(error?.code == .invalidArgument)
            }
        }
    }

    @Test func `runs scripts by their hash, and with their source when they are not known`() async throws {
        let script = RedisScript("append", "return redis.call('APPEND', KEYS[1], ARGV[1])")
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                func run() async throws -> (id: String?, length: Int) {
                    try await redis.withExclusiveConnection { connection in
                        let length: Int = try await connection.evaluate(script, keys: ["a"], arguments: ["x"])
                        let id: Int = try await connection.command(RedisCommand("CLIENT", "ID"))
                        let again: Int = try await connection.evaluate(script, keys: ["a"], arguments: ["x"])
                        #expect(again == length + 1)
                        let last = try server.clients().first { $0["id"] == "\(id)" }?["cmd"]
                        #expect(last == "evalsha", "it went over another connection")
                        return ("\(id)", length)
                    }
                }
                let first = try await run()
                let second = try await run()
                #expect(first.length == 1 && second.length == 3)
                #expect(first.id == second.id, "a script leaves nothing on the connection")
                #expect(try server.calls(of: "evalsha") == 4)
                #expect(try server.calls(of: "eval") == 1)
            }
        }
    }

    @Test func `refuses a script without a key's name, and one after its closure has ended`() async throws {
        let script = RedisScript("nothing", "return 1")
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let kept = try await redis.withExclusiveConnection { connection in
                    let error = await #expect(throws: RedisError.self) {
                        try await connection.evaluate(script, keys: [""], as: Int.self)
                    }
                    #expect(error?.code == .invalidArgument && error?.operation == "nothing")
                    return connection
                }
                let late = await #expect(throws: RedisError.self) {
                    try await kept.evaluate(script, keys: ["a"], as: Int.self)
                }
                #expect(late?.code == .closed && late?.operation == "nothing")
                #expect(try server.calls(of: "evalsha") == 0)
            }
        }
    }

    @Test func `blocks nobody else`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                async let popped = redis.withExclusiveConnection { connection in
                    try await connection.command(RedisCommand("BLPOP", RedisKey("list"), 0), as: [String].self)
                }
                try await eventually("the command blocks") { try server.info("clients")["blocked_clients"] == "1" }
                try await redis.command(RedisCommand("RPUSH", RedisKey("list"), "x"))
                #expect(try await popped == ["list", "x"])
            }
        }
    }
}
