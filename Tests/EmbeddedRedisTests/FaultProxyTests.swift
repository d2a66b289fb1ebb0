import Foundation
import TestSupport
import Testing

@Suite struct FaultProxyTests {
    @Test func `traffic passes unchanged over TCP and over a Unix socket`() async throws {
        try await withRedisServer { server in
            let path = server.directory + "/proxy.sock"
            for address in [TestAddress.tcp(port: 0), .unix(path: path)] {
                try await withFaultProxy(to: server.unix, listeningOn: address) { proxy in
                    let client = try RespClient(proxy.address)
                    #expect(try client("SET", "key", "value") == .status("OK"))
                    #expect(try client("GET", "key") == "value")
                    #expect(proxy.accepted == 1)
                    #expect(proxy.commands(containing: "set key") == 1)
                }
            }
        }
    }

    @Test func `a command cut before its reply was executed and its reply never arrives`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.cutBeforeReply(match: "INCR n"))
                #expect(try client("GET", "other") == .null)
                #expect(throws: RespClient.Failure.self) { try client("INCR", "n") }
                try await proxy.faultDone.wait()
                #expect(try server("GET", "n") == "1")
                let second = try RespClient(proxy.address)
                #expect(try second("INCR", "n") == 2)
            }
        }
    }

    @Test func `replies of earlier commands of a pipeline arrive before the cut`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.cutBeforeReply(match: "INCR second"))
                let commands = ["first", "second", "third"].map { "*2\r\n$4\r\nINCR\r\n$\($0.utf8.count)\r\n\($0)\r\n" }
                try client.send(raw: Array(commands.joined().utf8))
                #expect(try client.receive() == 1)
                #expect(throws: RespClient.Failure.self) { try client.receive() }
                #expect(try server("GET", "second") == "1")
            }
        }
    }

    @Test func `a command cut before it is sent never reaches the server`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.cutBeforeSend(match: "incr"))
                #expect(throws: RespClient.Failure.self) { try client("INCR", "n") }
                #expect(try server("EXISTS", "n") == 0)
                #expect(try server.calls(of: "incr") == 0)
            }
        }
    }

    @Test func `a match fault happens as often as it was told`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(.cutBeforeReply(match: "INCR", times: 2))
                for _ in 0..<2 {
                    let client = try RespClient(proxy.address)
                    #expect(throws: RespClient.Failure.self) { try client("INCR", "n") }
                }
                #expect(try RespClient(proxy.address)("INCR", "n") == 3)
                #expect(proxy.faultDone.count == 2)
            }
        }
    }

    @Test(arguments: [Fault.blackHole, .loseReplies, .loseCommands, .stall])
    func `a silent peer keeps the connection open and answers nothing`(fault: Fault) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                proxy.set(fault)
                let client = try RespClient(proxy.address, timeout: .milliseconds(200))
                #expect(throws: RespClient.Failure.self) { try client("INCR", "n") }
                let expected: RespValue = fault == .loseReplies ? "1" : .null
                // The proxy may not have handed it on when the client gave up.
                try await eventually("the server has \(expected)") { try server("GET", "n") == expected }
            }
        }
    }

    @Test func `a silenced connection stays open and dead while new ones work`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let alive = try RespClient(proxy.address)
                var answered = try RespClient(proxy.address, timeout: .milliseconds(200))
                // One that gives up soon may do so before the answer comes.
                try await eventually("it is answered") {
                    if let reply = try? answered("ECHO", "me") { return reply == "me" }
                    answered = try RespClient(proxy.address, timeout: .milliseconds(200))
                    return false
                }
                let dead = answered
                try await eventually("the others are closed") { proxy.open == 2 }
                #expect(try alive("PING") == .status("PONG"))
                proxy.silence(connectionsThatSent: "echo me")
                #expect(throws: RespClient.Failure.self) { try dead("PING") }
                #expect(try alive("PING") == .status("PONG"))
                #expect(proxy.open == 2)
            }
        }
    }

    @Test func `a stalled connection goes on where it was`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                #expect(try client("PING") == .status("PONG"))
                proxy.set(.stall)
                try client.send(raw: Array("PING\r\n".utf8))
                proxy.set(.pass)
                #expect(try client.receive() == .status("PONG"))
            }
        }
    }

    @Test func `a delay holds a reply back and keeps the order`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.delay(.milliseconds(30)))
                let start = ContinuousClock.now
                #expect(try client("INCR", "n") == 1)
                // There and back: a lower bound is no race.
                #expect(start.duration(to: .now) >= .milliseconds(60))
                #expect(try client("INCR", "n") == 2)
            }
        }
    }

    @Test func `a refusing proxy refuses new connections and accepts again afterwards`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let before = try RespClient(proxy.address)
                proxy.set(.refuse)
                #expect(throws: SocketError.self) { try RespClient(proxy.address) }
                #expect(try before("PING") == .status("PONG"))
                proxy.set(.pass)
                #expect(try RespClient(proxy.address)("PING") == .status("PONG"))
            }
        }
    }

    @Test func `garbage replaces one reply`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.garbage(Array("!garbage\r\n".utf8)))
                #expect(throws: RespClient.Failure.self) { try client("PING") }
                try await proxy.faultDone.wait()
                #expect(try RespClient(proxy.address)("PING") == .status("PONG"))
            }
        }
    }

    @Test func `a cut ends every open connection`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let clients = try (0..<3).map { _ in try RespClient(proxy.address) }
                for client in clients { #expect(try client("PING") == .status("PONG")) }
                #expect(proxy.open == 3)
                proxy.cut(reset: true)
                #expect(proxy.open == 0)
                for client in clients {
                    #expect(throws: RespClient.Failure.self) { try client("PING") }
                }
            }
        }
    }

    @Test func `a connection is cut after a number of the client's bytes`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                proxy.set(.cutAfterClientBytes(10))
                #expect(throws: RespClient.Failure.self) { try client("INCR", "n") }
                #expect(try server("EXISTS", "n") == 0)
            }
        }
    }

    @Test func `values larger than every buffer pass`() async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let client = try RespClient(proxy.address)
                let value = String(repeating: "x", count: 8 << 20)
                #expect(try client("SET", "key", value) == .status("OK"))
                #expect(try client("GET", "key").string?.utf8.count == 8 << 20)
            }
        }
    }

    @Test func `a stopped proxy leaves no descriptor`() async throws {
        try await withRedisServer { server in
            let path = server.directory + "/proxy.sock"
            try await withFaultProxy(to: server.tcp, listeningOn: .unix(path: path)) { proxy in
                let client = try RespClient(proxy.address)
                #expect(try client("PING") == .status("PONG"))
            }
            #expect(!FileManager.default.fileExists(atPath: path))
            #expect(throws: SocketError.self) { try RespClient(.unix(path: path)) }
        }
    }
}
