import TestSupport
import Testing

@testable import RedisCore

/// A sole caller in the pool writes its command itself (docs/decisions/0010): it must fail like any other.
@Suite struct DirectLaneFaultTests {
    private static let increment = RedisCommand("INCR", RedisKey("n"))

    /// Replies to commands that were alone open the lane for the next one.
    private func openLane(_ client: RedisClient) async throws {
        for _ in 0..<5 { _ = try await client.get("none") }
    }

    @Test func `a deadline ends a command that its caller wrote`() async throws {
        try await withFaultyClient { server, proxy, client in
            try await openLane(client)
            proxy.set(.blackHole)
            let error = try await failure { try await client.command(Self.increment, timeout: .milliseconds(100)) }
            #expect(error?.code == .timedOut)
            #expect(error?.wasWritten == true)
        }
    }

    @Test func `a cancelled caller is let go although it wrote its command itself`() async throws {
        try await withFaultyClient { server, proxy, client in
            try await openLane(client)
            proxy.set(.blackHole)
            let task = Task { try await client.command(Self.increment, as: Int.self) }
            task.cancel()
            let error = try await failure { try await task.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test func `a close ends a command that its caller wrote`() async throws {
        try await withFaultyClient { server, proxy, client in
            try await openLane(client)
            proxy.set(.blackHole)
            let task = Task { try await client.command(Self.increment, as: Int.self) }
            async let closing: Void = client.close(drain: .milliseconds(100))
            let error = try await failure { try await task.value }
            #expect(error?.code == .closed || error?.code == .connectionLost)
            await closing
        }
    }

    @Test func `commands of callers on the loop and off it keep their own replies`() async throws {
        try await withFaultyClient { server, proxy, client in
            try await openLane(client)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for caller in 0..<8 {
                    let place: (any TaskExecutor)? = caller.isMultiple(of: 2) ? client.eventLoop : nil
                    group.addTask(executorPreference: place) {
                        for number in 0..<500 {
                            let text = "\(caller)-\(number)"
                            let echo = try await client.command(RedisCommand("ECHO", text), as: String.self)
                            #expect(echo == text)
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
