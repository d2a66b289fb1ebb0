import RedisCore
import TestSupport
import Testing

/// Transactions with WATCH and blocking commands, each on a connection of its own.
@Suite struct ExclusiveFaultTests {
    @Test func `an EXEC whose reply is lost happened once and is not repeated`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeReply(match: "EXEC"))
            let error = try await failure {
                try await client.withExclusiveConnection { connection in
                    try await connection.pipeline([
                        RedisCommand("MULTI"), RedisCommand("INCR", RedisKey("n")), RedisCommand("EXEC"),
                    ])
                }
            }
            #expect(error?.code == .connectionLost)
            #expect(error?.wasWritten == true)
            #expect(try server("GET", "n") == "1")
        }
    }

    @Test func `a connection lost after WATCH never runs the transaction on another one`() async throws {
        try await withFaultyClient { server, proxy, client in
            let error = try await failure {
                try await client.withExclusiveConnection { connection in
                    try await connection.command(RedisCommand("WATCH", RedisKey("n")))
                    proxy.cut()
                    try server("SET", "n", "10")
                    _ = try await connection.pipeline([
                        RedisCommand("MULTI"), RedisCommand("SET", RedisKey("n"), "1"), RedisCommand("EXEC"),
                    ])
                }
            }
            #expect(error?.code == .connectionLost)
            #expect(try server("GET", "n") == "10")
        }
    }

    @Test func `a watched key that changed aborts, and the next user of the connection is not watched`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                try await client.withExclusiveConnection { connection in
                    _ = try await connection.command(RedisCommand("WATCH", RedisKey("watched")))
                }
                try server("SET", "watched", "changed")
                let results = try await client.withExclusiveConnection { connection in
                    try await connection.pipeline([
                        RedisCommand("MULTI"), RedisCommand("SET", RedisKey("key"), "value"), RedisCommand("EXEC"),
                    ])
                }
                #expect(try results.last?.get() == .array([.status("OK")]))
            }
        }
    }

    @Test func `an open MULTI does not swallow the commands of the next user`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                try await client.withExclusiveConnection { connection in
                    _ = try await connection.command(RedisCommand("MULTI"))
                }
                let reply = try await client.withExclusiveConnection { connection in
                    try await connection.command(RedisCommand("INCR", RedisKey("n")))
                }
                #expect(reply == .integer(1))
            }
        }
    }

    @Test func `cancelling a blocked command ends it on the server too`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                let blocked = Task {
                    try await client.withExclusiveConnection { connection in
                        try await connection.command(RedisCommand("BLPOP", RedisKey("list"), 0), timeout: .seconds(60))
                    }
                }
                try await eventually("a blocked client") { try server.info("clients")["blocked_clients"] == "1" }
                blocked.cancel()
                #expect(try await failure { try await blocked.value }?.code == .cancelled)
                try await eventually("no blocked client") { try server.info("clients")["blocked_clients"] == "0" }
                try server("RPUSH", "list", "kept")
                #expect(try server("LLEN", "list") == 1)
            }
        }
    }

    @Test func `closing the client ends a blocked command`() async throws {
        try await withRedisServer { server in
            let client = try await RedisClient.connect(impatient(server.tcp), logger: quietLogger)
            let blocked = Task {
                try await client.withExclusiveConnection { connection in
                    try await connection.command(RedisCommand("BLPOP", RedisKey("list"), 0), timeout: .seconds(60))
                }
            }
            try await eventually("a blocked client") { try server.info("clients")["blocked_clients"] == "1" }
            await client.close()
            #expect(try await failure { try await blocked.value }?.code == .closed)
            try await eventually("no blocked client") { try server.info("clients")["blocked_clients"] == "0" }
        }
    }

    @Test func `a refused exclusive connection fails with the address`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.refuse)
            let error = try await failure {
                try await client.withExclusiveConnection { try await $0.command(RedisCommand("PING")) }
            }
            #expect(error?.code == .connectFailed)
        }
    }

    @Test func `a silent peer fails a blocking command at its deadline, and the connection is not used again`()
        async throws
    {
        try await withFaultyClient { server, proxy, client in
            let error = try await failure {
                try await client.withExclusiveConnection { connection in
                    _ = try await connection.command(RedisCommand("PING"))
                    proxy.silence()
                    _ = try await connection.command(
                        RedisCommand("BLPOP", RedisKey("l"), 1), timeout: .milliseconds(100))
                }
            }
            #expect(error?.code == .timedOut)
            let reply = try await within {
                try await client.withExclusiveConnection { try await $0.command(RedisCommand("PING")) }
            }
            #expect(reply == .status("PONG"))
        }
    }

    @Test func `an idle exclusive connection that was cut is replaced, and says at most that it was lost`() async throws
    {
        try await withFaultyClient { server, proxy, client in
            for _ in 0..<3 {
                let reply = try await client.withExclusiveConnection { try await $0.command(RedisCommand("PING")) }
                #expect(reply == .status("PONG"))
                proxy.cut()
                // The end may not have been read yet when the connection is lent out again.
                try await eventually("a working connection") {
                    let error = try await failure {
                        try await client.withExclusiveConnection { try await $0.command(RedisCommand("PING")) }
                    }
                    #expect(error == nil || error?.code == .connectionLost)
                    return error == nil
                }
            }
        }
    }
}
