import RedisCore
import TestSupport
import Testing

/// A process that gets no processor for a while: what has come meanwhile was not late.
@Suite struct HeldUpTests {
    private static let limit = Duration.milliseconds(1_000)

    @Test func `a reply that lies in the socket counts, whatever is overdue`() async throws {
        try await withRedisServer { server in
            let configuration = impatient(server.tcp) {
                $0.heartbeat = Self.limit / 2
                $0.retry.maxRetries = 0
            }
            try await withClient(configuration) { client in
                let connections = try server.clients().count
                try await eventually("the server answered in time", within: .seconds(120)) {
                    let asked = ContinuousClock.now
                    let reply = Task {
                        try await client.command(RedisCommand("DEBUG", "SLEEP", "0.05"), timeout: Self.limit)
                    }
                    try await eventually("it was sent") { try server.calls(of: "debug") > 0 }
                    let answered = try await holdUp(client.eventLoop, server, until: asked + Self.limit * 1.2)
                    let result = await reply.result
                    // The server itself was held up: then the reply was late.
                    guard answered < asked + Self.limit / 2 else { return false }
                    #expect(try result.get() == .status("OK"))
                    #expect(try await client.command(RedisCommand("PING")) == .status("PONG"))
                    return true
                }
                #expect(try server.clients().count == connections, "the connection was given up")
            }
        }
    }

    /// Blocks the loop from now until `end`; returns when the server had answered all that it was sent before.
    private func holdUp(
        _ loop: EventLoop, _ server: RedisServer, until end: ContinuousClock.Instant
    ) async throws -> ContinuousClock.Instant {
        let gate = BlockingGate()
        let holding = TestSignal("the loop is held up")
        // In a timer: whatever is due then would be next, before the sockets are looked at.
        loop.schedule(after: .zero) {
            holding.fire()
            gate.wait()
        }
        defer { gate.open() }
        try await holding.wait()
        try server("PING")
        let answered = ContinuousClock.now
        try await Task.sleep(until: end, clock: .continuous)
        return answered
    }
}
