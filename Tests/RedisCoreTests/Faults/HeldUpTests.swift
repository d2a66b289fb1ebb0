import RedisCore
import TestSupport
import Testing

/// A process that gets no processor for a while: what has come meanwhile was not late.
@Suite struct HeldUpTests {
    private static let limit = Duration.milliseconds(1_000)

    /// The second is more than one look at a socket reads.
    @Test(arguments: [1, 100])
    func `replies that lie in the socket count, whatever is overdue`(count: Int) async throws {
        let loop = EventLoop(name: "held-up")
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                let configuration = impatient(proxy.address) {
                    $0.heartbeat = Self.limit / 2
                    $0.retry.maxRetries = 0
                }
                let client = try await RedisClient.connect(configuration, eventLoop: loop, logger: quietLogger)
                try await client.set("a", to: String(repeating: "x", count: 1_000))
                try await eventually("the replies were there in time", within: .seconds(120)) {
                    try await repliesInTime(client, proxy, count)
                }
                await client.close(drain: .zero)
            }
        }
        await loop.stop()
    }

    /// Has replies come while the loop is held up, and looks whether they count; false when they came late.
    private func repliesInTime(_ client: RedisClient, _ proxy: FaultProxy, _ count: Int) async throws -> Bool {
        let asked = ContinuousClock.now
        let connections = proxy.accepted
        let sent = proxy.commands(containing: "GET")
        proxy.set(.hold)
        // From the loop, which notes the deadline at once: the socket is written to by no other thread.
        let replies = Task(executorPreference: client.eventLoop) {
            let commands = Array(repeating: RedisCommand("GET", "a"), count: count)
            return try await client.pipeline(commands, timeout: Self.limit)
        }
        try await eventually("all were sent") { proxy.commands(containing: "GET") == sent + count }
        let held = TestSignal("the loop is held up")
        let gate = BlockingGate()
        // In a timer: whatever is due then would be next, before the sockets are looked at.
        client.eventLoop.schedule(after: .zero) {
            held.fire()
            gate.wait()
        }
        try await held.wait()
        proxy.set(.pass)
        // What the proxy hands on afterwards comes after the replies.
        try RespClient(proxy.address)("PING")
        let wereInTime = ContinuousClock.now < asked + Self.limit / 2
        try await eventually("all is overdue") { ContinuousClock.now > asked + Self.limit * 1.2 }
        gate.open()
        let result = await replies.result
        guard wereInTime else { return false }
        let value = RedisValue.bytes(Array(repeating: UInt8(ascii: "x"), count: 1_000))
        for reply in try result.get() { #expect(try reply.get() == value) }
        // By the same connection.
        #expect(proxy.accepted == connections + 1, "one connection more, the test's own")
        return true
    }
}
