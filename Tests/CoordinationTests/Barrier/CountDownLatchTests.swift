import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct CountDownLatchTests {
    private let key = "signalbox:latch:{a}"

    @Test func `it opens when all have counted, each once, and wakes who waits`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let latch = try CountDownLatch(redis, name: "a", count: 3)
                let waiters = try [redis, other, redis].map { redis in
                    let latch = try CountDownLatch(redis, name: "a", count: 3)
                    return Task { try await latch.wait(atMost: .seconds(120)) }
                }
                try await eventually("they listen") { try server.listeners(key + ":wake:0") == 2 }
                let ear = try server.connect(timeout: .seconds(30))
                try ear("SUBSCRIBE", key + ":wake:0")
                var missing: [Int] = []
                for part in ["x", "y", "x", "y", "z", "z"] { missing.append(try await latch.countDown(as: part)) }
                #expect(missing == [2, 1, 1, 1, 0, 0])
                for waiter in waiters { try await waiter.value }
                try await latch.wait(atMost: .zero)
                // One message, and then this one.
                try server("PUBLISH", key + ":wake:0", "no other")
                #expect(try ear.receive().array?.last?.string == "")
                #expect(try ear.receive().array?.last?.string == "no other")
            }
        }
    }

    @Test func `a wait ends at its deadline, and with its task`() async throws {
        try await withRedis { server, redis in
            let latch = try CountDownLatch(redis, name: "a", count: 2)
            try await latch.countDown(as: "x")
            await expectError(.deadlineExceeded) { try await latch.wait(atMost: .milliseconds(50)) }
            let task = Task { try await latch.wait() }
            try await eventually("it listens") { try server.listeners(key + ":wake:0") == 1 }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test func `another number of participants is refused`() async throws {
        try await withRedis { _, redis in
            try await CountDownLatch(redis, name: "a", count: 2).countDown(as: "x")
            await expectError(.invalidArgument) { try await CountDownLatch(redis, name: "a", count: 3).missing() }
            await expectError(.invalidArgument) {
                try await CountDownLatch(redis, name: "a", count: 3).countDown(as: "y")
            }
            await expectError(.invalidArgument) { try CountDownLatch(redis, name: "a", count: 0) }
            await expectError(.invalidArgument) {
                try await CountDownLatch(redis, name: "a", count: 2).countDown(as: "")
            }
        }
    }

    @Test(arguments: [false, true])
    func `a count whose reply was lost counts once`(executed: Bool) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load(LatchScripts.countDown)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let script = LatchScripts.countDown.sha
                    proxy.set(executed ? .cutBeforeReply(match: script) : .cutBeforeSend(match: script))
                    let missing = try await CountDownLatch(redis, name: "a", count: 3).countDown(as: "x")
                    #expect(proxy.faultDone.count == 1)
                    #expect(missing == 2)
                }
            }
        }
    }

    @Test func `after a flush it is a new one, and counting again opens it`() async throws {
        try await withRedis { server, redis in
            let latch = try CountDownLatch(redis, name: "a", count: 2)
            try await latch.countDown(as: "x")
            try server("FLUSHALL")
            try server("SCRIPT", "FLUSH")
            let waiter = Task { try await latch.wait(atMost: .seconds(120)) }
            try await eventually("it listens") { try server.listeners(key + ":wake:0") == 1 }
            try await latch.countDown(as: "y")
            try await latch.countDown(as: "x")
            try await waiter.value
        }
    }

    @Test func `a full server is an error`() async throws {
        try await withRedis { server, redis in
            try server("CONFIG", "SET", "maxmemory", "1")
            await expectError(.unavailable) { try await CountDownLatch(redis, name: "a", count: 2).countDown(as: "x") }
            await expectError(.unavailable) {
                try await Barrier(redis, name: "a", count: 2).arrive(as: "x", within: .seconds(1))
            }
        }
    }
}
