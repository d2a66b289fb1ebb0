import RedisCore
import TestSupport
import Testing

@Suite struct `A script on a server` {
    private static let append = RedisScript(
        "append",
        """
        redis.call('APPEND', KEYS[1], ARGV[1])
        return redis.call('GET', KEYS[1])
        """)

    @Test func `has the hash by which the server knows it`() async throws {
        try await withRedisServer { server async throws in
            #expect(try server("SCRIPT", "LOAD", Self.append.source) == .bulk(Array(Self.append.sha.utf8)))
        }
    }

    @Test func `is sent once, and again after SCRIPT FLUSH`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                for expected in ["x", "xx", "xxx"] {
                    if expected == "xxx" { try server("SCRIPT", "FLUSH") }
                    let value: String = try await redis.evaluate(Self.append, keys: ["a"], arguments: ["x"])
                    #expect(value == expected)
                }
                #expect(try server.calls(of: "eval") == 2)
                #expect(try server.calls(of: "evalsha") == 3)
            }
        }
    }

    @Test func `runs for many key sets in one round trip, two when it is not loaded`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try server("SADD", "wrong", "x")
                let batch = ["a", "wrong", "b"].map { (keys: [RedisKey($0)], arguments: ["x"] as [any RedisArgument]) }
                for expected in ["x", "xx"] {
                    let results = try await redis.evaluate(Self.append, batch: batch)
                    #expect(try results[0].get() == .bytes(Array(expected.utf8)))
                    let error = #expect(throws: RedisError.self) { try results[1].get() }
                    #expect(error?.code == .wrongType)
                    #expect(try results[2].get() == .bytes(Array(expected.utf8)))
                }
                #expect(try await redis.evaluate(Self.append, batch: []).isEmpty)
            }
        }
    }

    @Test func `that fails says which, and does not repeat what it was given`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis async throws in
                let script = RedisScript("broken", "return redis.call('INCR', KEYS[1])")
                try server("SET", "a", "text")
                let error = await #expect(throws: RedisError.self) {
                    try await redis.evaluate(script, keys: ["a"], arguments: ["hunter2"], as: Int.self)
                }
                #expect(error?.code == .server)
                #expect(error?.serverMessage?.contains("not an integer") == true)
                #expect(!String(describing: error).contains("hunter2"))
                let empty = await #expect(throws: RedisError.self) {
                    try await redis.evaluate(script, keys: [""], as: Int.self)
                }
                #expect(empty?.code == .invalidArgument)
            }
        }
    }
}
