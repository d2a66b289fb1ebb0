import RedisCore
import TestSupport
import Testing

/// A process that gets no processor for a while: what has come meanwhile was not late.
@Suite struct HeldUpTests {
    private static let limit = Duration.milliseconds(1_000)

    @Test func `a reply that lies in the socket counts, whatever is overdue`() async throws {
        let loop = EventLoop(name: "held-up")
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let configuration = impatient(proxy.address) {
                    $0.heartbeat = Self.limit / 2
                    $0.retry.maxRetries = 0
                }
                let client = try await RedisClient.connect(configuration, eventLoop: loop, logger: quietLogger)
                try await eventually("the reply was there in time", within: .seconds(120)) {
                    try await client.set("a", to: "1")
                    return try await repliesInTime(client, proxy)
                }
                await client.close(drain: .zero)
            }
        }
        await loop.stop()
    }

    /// Has a reply come while the loop is held up, and looks whether it counts; false when it came late.
    private func repliesInTime(_ client: RedisClient, _ proxy: FaultProxy) async throws -> Bool {
        let asked = ContinuousClock.now
        let increments = proxy.commands(containing: "INCR")
        proxy.set(.hold)
        // From the loop, which notes the deadline at once: the socket is written to by no other thread.
        let reply = Task(executorPreference: client.eventLoop) {
            try await client.command(RedisCommand("INCR", "a"), timeout: Self.limit)
        }
        try await eventually("it was sent") { proxy.commands(containing: "INCR") > increments }
        let held = TestSignal("the loop is held up")
        let gate = BlockingGate()
        // In a timer: whatever is due then would be next, before the sockets are looked at.
        client.eventLoop.schedule(after: .zero) {
            held.fire()
            gate.wait()
        }
        try await held.wait()
        proxy.set(.pass)
        // What the proxy hands on afterwards comes after the reply.
        try RespClient(proxy.address)("PING")
        let wasInTime = ContinuousClock.now < asked + Self.limit / 2
        try await eventually("all is overdue") { ContinuousClock.now > asked + Self.limit * 1.2 }
        gate.open()
        let result = await reply.result
        guard wasInTime else { return false }
        #expect(try result.get() == .integer(2))
        // By the same connection.
        #expect(try await client.command(RedisCommand("INCR", "a")) == .integer(3))
        return true
    }
}
