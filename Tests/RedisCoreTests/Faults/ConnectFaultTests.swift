import RedisCore
import TestSupport
import Testing

@Suite struct ConnectFaultTests {
    @Test func `a refused TCP connection names the address`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                let error = try await failure {
                    try await RedisClient.connect(impatient(proxy.address), logger: quietLogger)
                }
                #expect(error?.code == .connectFailed)
                #expect(error?.wasWritten == false)
                guard case .tcp(let port) = proxy.address else { return }
                #expect(error.map { "\($0)".contains("127.0.0.1:\(port)") } == true)
            }
        }
    }

    @Test func `a socket file that does not exist is named`() async throws {
        let address = TestAddress.unix(path: "/tmp/signalbox-no-such.sock")
        let error = try await failure { try await RedisClient.connect(impatient(address), logger: quietLogger) }
        #expect(error?.code == .connectFailed)
        #expect(error.map { "\($0)".contains("/tmp/signalbox-no-such.sock") } == true)
    }

    @Test func `a silent peer fails the connect after its time limit`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.blackHole)
                let configuration = impatient(proxy.address) { $0.connectTimeout = .milliseconds(200) }
                let error = try await failure { try await RedisClient.connect(configuration, logger: quietLogger) }
                #expect(error?.code == .connectFailed)
                try await eventually("the socket is closed") { proxy.open == 0 }
            }
        }
    }

    @Test(arguments: [
        "HTTP/1.1 400 Bad Request\r\n\r\n", "\0\u{1}\u{2}\u{3}", "*-5\r\n", "$99999999999\r\n", "SSH-2.0-x\r\n",
    ])
    func `a peer that does not speak Redis is told apart from one that is not there`(greeting: String) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.garbage(Array(greeting.utf8)))
                // For the greeting that promises more than will ever come.
                let configuration = impatient(proxy.address) { $0.connectTimeout = .seconds(10) }
                let error = try await failure { try await RedisClient.connect(configuration, logger: quietLogger) }
                #expect(error?.code == .protocolViolation || error?.code == .connectFailed)
            }
        }
    }

    @Test func `a reset in the middle of the handshake fails the connect`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.cutBeforeReply(match: "INFO", times: 1))
                let error = try await failure {
                    try await RedisClient.connect(impatient(proxy.address), logger: quietLogger)
                }
                #expect(error?.code == .connectFailed)
            }
        }
    }

    @Test func `cancelling a connect to a silent peer ends it`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.blackHole)
                let configuration = impatient(proxy.address) { $0.connectTimeout = .seconds(300) }
                let connecting = Task { try await RedisClient.connect(configuration, logger: quietLogger) }
                try await eventually("a connection") { proxy.accepted == 1 }
                connecting.cancel()
                let error = try await failure { try await connecting.value }
                #expect(error?.code == .cancelled)
                try await eventually("the socket is closed") { proxy.open == 0 }
            }
        }
    }

    @Test func `commands of a lazy client wait for a server that comes later`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                try await withLazyClient(impatient(proxy.address)) { client in
                    let pending = Task { try await client.command(RedisCommand("INCR", RedisKey("n")), as: Int.self) }
                    try await untilDisconnected(client)
                    proxy.set(.pass)
                    #expect(try await within { try await pending.value } == 1)
                }
            }
        }
    }

    @Test func `without a connection, a client told to fail fails at once`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(impatient(proxy.address) { $0.offline = .fail }) { client in
                    proxy.set(.refuse)
                    proxy.cut()
                    try await eventually("a refusal") {
                        try await failure { try await client.command(RedisCommand("PING")) }?.code == .notConnected
                    }
                }
            }
        }
    }

    @Test func `the queue of waiting commands is bounded, and its rest is sent in order`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.refuse)
                try await withLazyClient(impatient(proxy.address) { $0.offline = .wait(capacity: 2) }) { client in
                    let outcomes = await withTaskGroup(of: RedisError.Code?.self) { group in
                        let full = TestSignal("queueFull")
                        for _ in 0..<5 {
                            group.addTask {
                                do throws(RedisError) {
                                    _ = try await client.command(RedisCommand("INCR", RedisKey("n")), as: Int.self)
                                    return nil
                                } catch {
                                    full.fire()
                                    return error.code
                                }
                            }
                        }
                        try? await full.wait(count: 3, within: .seconds(60))
                        proxy.set(.pass)
                        return await group.reduce(into: []) { $0.append($1) }
                    }
                    #expect(outcomes.count { $0 == .queueFull } == 3)
                    #expect(outcomes.count { $0 == nil } == 2)
                    let sent = try server("GET", "n")
                    #expect(sent == "2")
                }
            }
        }
    }

    @Test func `a wrong password fails at once and is in no text`() async throws {
        try await withRedisServer(.init(directives: ["requirepass": "right-7"])) { server in
            for password in [Secret("wrong-7"), nil] {
                let configuration = impatient(server.tcp) { $0.password = password }
                let error = try await failure { try await RedisClient.connect(configuration, logger: quietLogger) }
                #expect(error?.code == (password == nil ? .noAuthentication : .wrongPassword))
                #expect(error.map { !"\($0)".contains("wrong-7") } == true)
            }
        }
    }

    @Test func `a server that loads its data is waited for`() async throws {
        try await withRedisServer(.init(persistent: true)) { server in
            for index in 0..<400 { try server("SET", "key:\(index)", String(repeating: "x", count: 100)) }
            try server("CONFIG", "SET", "key-load-delay", "2000", "loading-process-events-interval-bytes", "1024")
            try await withClient(impatient(server.tcp)) { client in
                let loading = Task {
                    try await client.command(RedisCommand("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
                }
                loading.cancel()
                _ = await loading.result
                let error = try await failure { try await client.get("key:1", as: String.self) }
                #expect(error == nil)
            }
        }
    }
}

@Suite struct OutageLogTests {
    @Test func `an outage is told once, and not at every attempt`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let log = LogLines()
                let client = try await RedisClient.connect(impatient(proxy.address), logger: log.logger)
                proxy.set(.refuse)
                proxy.cut()
                try await eventually("many attempts were made") { log.count(of: "cannot connect") >= 5 }
                #expect(log.count(of: "warning connection lost") >= 1)
                // One for each connection of the client, at most: commands, control, subscriber.
                #expect((1...3).contains(log.count(of: "info cannot connect")))
                #expect(log.count(of: "debug cannot connect") >= 2)
                await client.close(drain: .zero)
            }
        }
    }
}
