import RedisCore
import TestSupport
import Testing

@Suite struct CommandFaultTests {
    private static let increment = RedisCommand("INCR", RedisKey("n"))

    @Test func `a lost reply leaves one effect and an error that says so`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeReply(match: "INCR n"))
            let error = try await failure { try await client.command(Self.increment) }
            #expect(error?.code == .connectionLost)
            #expect(error?.wasWritten == true)
            #expect(error?.operation == "INCR")
            #expect(try server("GET", "n") == "1")
            #expect(try await client.command(Self.increment, as: Int.self) == 2)
        }
    }

    @Test func `a command cut before it arrived may have been written and is not repeated`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeSend(match: "INCR n"))
            let error = try await failure { try await client.command(Self.increment) }
            #expect(error?.code == .connectionLost)
            #expect(error?.wasWritten == true)
            #expect(try server("EXISTS", "n") == 0)
        }
    }

    @Test func `a command that is safe to repeat is repeated after a lost reply`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("SET", "key", "value")
            proxy.set(.cutBeforeReply(match: "GET key"))
            #expect(try await within { try await client.get("key", as: String.self) } == "value")
            #expect(proxy.commands(containing: "GET key") == 2)
            proxy.set(.cutBeforeReply(match: "INCR n"))
            let repeated = try await within { try await client.command(Self.increment.safeToRepeat(), as: Int.self) }
            #expect(repeated == 2)
        }
    }

    @Test func `repetition ends after the retries, with the loss as its error`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeReply(match: "GET key", times: 100))
            let error = try await failure { try await client.get("key") }
            #expect(error?.code == .connectionLost)
            #expect(proxy.commands(containing: "GET key") == 4)
        }
    }

    @Test func `a script is repeated only when it says that it may be`() async throws {
        let source = "return redis.call('INCR', KEYS[1])"
        try await withFaultyClient { server, proxy, client in
            for (script, key, count) in [
                (RedisScript("once", source), "once", 1),
                (RedisScript("again", isSafeToRepeat: true, source), "again", 2),
            ] {
                // Loaded, so that the next call is EVALSHA alone.
                _ = try await client.evaluate(script, keys: ["other"], as: Int.self)
                proxy.set(.cutBeforeReply(match: "EVALSHA"))
                let error = try await failure {
                    _ = try await client.evaluate(script, keys: [RedisKey(key)], as: Int.self)
                }
                #expect((error == nil) == (count == 2))
                #expect(try server("GET", key).int == count)
            }
        }
    }

    @Test func `scripts survive SCRIPT FLUSH and a restart of the server`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                let script = RedisScript("echo", isSafeToRepeat: true, "return ARGV[1]")
                for change in ["none", "flush", "restart"] {
                    if change == "flush" { try server("SCRIPT", "FLUSH") }
                    if change == "restart" { try await server.restart() }
                    let reply = try await client.evaluate(script, keys: [], arguments: [change], as: String.self)
                    #expect(reply == change)
                }
            }
        }
    }

    @Test func `a silent peer fails a command at its deadline`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.blackHole)
            let error = try await failure { try await client.command(Self.increment, timeout: .milliseconds(100)) }
            #expect(error?.code == .timedOut)
            #expect(error?.wasWritten == true)
        }
    }

    @Test func `a silent connection is given up by the heartbeat and made anew`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(50))) { server, proxy, client in
            try server("SET", "key", "value")
            let before = proxy.accepted
            proxy.silence()
            try await eventually("a new connection") { proxy.accepted > before }
            // A read: with such a heartbeat it may take several connections on a busy machine.
            #expect(try await within { try await client.get("key", as: String.self) } == "value")
        }
    }

    @Test func `a silent connection is given up while commands keep coming`() async throws {
        try await withFaultyClient(configure: restless(.milliseconds(200))) { server, proxy, client in
            let before = proxy.accepted
            proxy.silence()
            // Writes succeed into a dead connection: they prove nothing about the peer.
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while !Task.isCancelled {
                            _ = try? await client.command(Self.increment, timeout: .milliseconds(5))
                        }
                    }
                }
                defer { group.cancelAll() }
                try await eventually("a new connection under load") { proxy.accepted > before }
            }
        }
    }

    @Test func `the reply of a cancelled command is not taken for the next one's`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("MSET", "a", "1", "b", "2")
            server.pause()
            let cancelled = Task { try await client.get("a", as: String.self) }
            try await eventually("the command is on its way") { proxy.commands(containing: "GET a") == 1 }
            cancelled.cancel()
            let error = try await failure { try await cancelled.value }
            #expect(error?.code == .cancelled)
            #expect(error?.wasWritten == true)
            server.resume()
            #expect(try await client.get("b", as: String.self) == "2")
        }
    }

    @Test func `the reply of a command that timed out is not taken for the next one's`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("MSET", "a", "1", "b", "2")
            server.pause()
            let error = try await failure {
                try await client.command(RedisCommand("GET", RedisKey("a")), timeout: .milliseconds(50))
            }
            #expect(error?.code == .timedOut)
            server.resume()
            #expect(try await client.get("b", as: String.self) == "2")
        }
    }

    @Test func `a command cancelled while there is no connection is never sent`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.refuse)
            proxy.cut()
            // Before that it would be written, and lost.
            try await untilDisconnected(client)
            let waiting = Task { try await client.command(Self.increment, as: Int.self) }
            waiting.cancel()
            let error = try await failure { try await waiting.value }
            #expect(error?.code == .cancelled)
            proxy.set(.pass)
            #expect(
                try await within { try await client.command(RedisCommand("EXISTS", RedisKey("n")), as: Int.self) } == 0)
        }
    }

    @Test func `a command whose task is cancelled before it is sent is named`() async throws {
        try await withFaultyClient { server, proxy, client in
            func unsent(_ body: @escaping @Sendable () async throws -> Void) async throws -> RedisError? {
                let task = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    try await body()
                }
                return try await failure { try await task.value }
            }
            let get = try await unsent { _ = try await client.get("a", as: String.self) }
            let script = try await unsent {
                _ = try await client.evaluate(.init("s", "return 1"), keys: [], as: Int.self)
            }
            let pipeline = try await unsent { _ = try await client.pipeline([RedisCommand("PING")]) }
            for (error, name) in [(get, "GET"), (script, "EVALSHA"), (pipeline, "pipeline")] {
                #expect(error?.code == .cancelled && error?.wasWritten == false)
                #expect(error?.operation == name)
                #expect(error?.message == "\(name) was not sent: its task is cancelled.")
            }
            #expect(proxy.commands(containing: "GET a") == 0)
        }
    }

    @Test func `a command waits for a server that is started again`() async throws {
        try await withRedisServer(.init(persistent: true)) { server in
            try await withClient(impatient(server.tcp)) { client in
                #expect(try await client.command(Self.increment, as: Int.self) == 1)
                await server.kill()
                let waiting = Task { try await client.command(Self.increment.safeToRepeat(), as: Int.self) }
                try await server.start()
                #expect(try await within { try await waiting.value } == 2)
            }
        }
    }

    @Test func `a command without a connection fails at its deadline as not sent`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.refuse)
            proxy.cut()
            try await untilDisconnected(client)
            let error = try await failure {
                try await client.command(RedisCommand("GET", "n"), timeout: .milliseconds(100))
            }
            #expect(error?.code == .timedOut)
            #expect(error?.wasWritten == false)
        }
    }

    @Test func `of many commands in flight at a reset each has one outcome, and no effect is counted twice`()
        async throws
    {
        try await withFaultyClient { server, proxy, client in
            let total = 300
            func connections() throws -> Set<String> { Set(try server.clients().compactMap { $0["id"] }) }
            let own = try server("CLIENT", "ID").int ?? 0
            let before = try connections().subtracting(["\(own)"])
            let successes = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<total {
                    group.addTask { (try? await client.command(Self.increment)) != nil }
                }
                proxy.cut(reset: true)
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            // What the proxy had passed on is executed until the server reads the end of the cut connection.
            try await eventually("the server is through") { try connections().isDisjoint(with: before) }
            let effects = try server("GET", "n").int ?? 0
            #expect(successes <= effects)
            #expect(effects <= total)
            #expect(try await client.command(Self.increment, as: Int.self) == effects + 1)
        }
    }

    @Test(arguments: ["!garbage\r\n", "$-7\r\n", "*1000000000\r\n", "\r\n", ":12\r\n:13\r\n"])
    func `garbage in the stream ends the connection, and the next one works`(garbage: String) async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.garbage(Array(garbage.utf8)))
            let error = try await failure {
                try await client.command(RedisCommand("SET", RedisKey("key"), "value"), as: [String].self)
            }
            // The last case begins with a well-formed reply of the wrong type.
            #expect([.protocolViolation, .connectionLost, .decoding].contains(error?.code))
            #expect(try await within { try await client.get("key", as: String.self) } == "value")
        }
    }

    @Test func `a large value cut in the middle changes nothing, and the connection recovers`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutAfterClientBytes(1 << 20))
            let value = [UInt8](repeating: 120, count: 8 << 20)
            let command = RedisCommand("SET", RedisKey("large"), value)
            let error = try await failure { try await client.command(command) }
            #expect(error?.code == .connectionLost)
            #expect(try server("EXISTS", "large") == 0)
            try await client.set("large", to: value)
            #expect(try await client.get("large") == value)
        }
    }

    @Test func `a large value does not hold back a renewal on the control connection`() async throws {
        try await withFaultyClient { server, proxy, client in
            _ = try await client.command(RedisCommand("PING"), on: .control)
            // The commands connection is stalled in the middle of a value; the control connection is another one.
            let value = [UInt8](repeating: 120, count: 64 << 20)
            let large = Task { try await client.command(RedisCommand("SET", RedisKey("large"), value)) }
            #expect(try await within { try await client.command(Self.increment, as: Int.self, on: .control) } == 1)
            _ = await large.result
        }
    }

    @Test func `CLIENT KILL of every connection is survived`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { client in
                _ = try await client.command(RedisCommand("PING"), on: .control)
                for round in 1...3 {
                    try server("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                    let number = try await within {
                        try await client.command(Self.increment.safeToRepeat(), as: Int.self)
                    }
                    #expect(number == round)
                }
            }
        }
    }
}
