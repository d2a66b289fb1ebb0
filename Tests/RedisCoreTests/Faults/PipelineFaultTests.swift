import RedisCore
import TestSupport
import Testing

@Suite struct PipelineFaultTests {
    private static func increments(_ keys: String...) -> [RedisCommand] {
        keys.map { RedisCommand("INCR", RedisKey($0)) }
    }

    @Test func `a pipeline that lost a reply fails as a whole and is not repeated`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.cutBeforeReply(match: "INCR b"))
            let error = try await failure { try await client.pipeline(Self.increments("a", "b", "c")) }
            #expect(error?.code == .connectionLost)
            #expect(error?.wasWritten == true)
            #expect(proxy.commands(containing: "INCR a") == 1)
            #expect(try server("GET", "b") == "1")
        }
    }

    @Test func `a pipeline of reads is repeated as a whole`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("MSET", "a", "1", "b", "2")
            proxy.set(.cutBeforeReply(match: "GET b"))
            let results = try await within {
                try await client.pipeline([RedisCommand("GET", RedisKey("a")), RedisCommand("GET", RedisKey("b"))])
            }
            #expect(try results.map { try $0.get() } == [.bytes([49]), .bytes([50])])
            #expect(proxy.commands(containing: "GET a") == 2)
        }
    }

    @Test func `the replies of a cancelled pipeline are not taken for the next command's`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("SET", "key", "value")
            server.pause()
            let cancelled = Task { try await client.pipeline(Self.increments("a", "b", "c")) }
            try await eventually("the pipeline is on its way") { proxy.commands(containing: "INCR c") == 1 }
            cancelled.cancel()
            #expect(try await failure { try await cancelled.value }?.code == .cancelled)
            server.resume()
            #expect(try await client.get("key", as: String.self) == "value")
        }
    }

    @Test func `a silent peer fails a pipeline at its deadline, once`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.blackHole)
            let error = try await failure {
                try await client.pipeline(Self.increments("a", "b"), timeout: .milliseconds(100))
            }
            #expect(error?.code == .timedOut)
        }
    }

    @Test func `a refused command of a pipeline does not fail the others`() async throws {
        try await withFaultyClient { server, proxy, client in
            try server("SET", "text", "value")
            let results = try await client.pipeline(Self.increments("a", "text", "b"))
            #expect(results.count == 3)
            #expect(throws: Never.self) { try results[0].get() }
            #expect { try results[1].get() } throws: { ($0 as? RedisError)?.operation == "INCR" }
            #expect(throws: Never.self) { try results[2].get() }
        }
    }

    @Test func `a pipeline larger than every buffer survives being cut in the middle`() async throws {
        try await withFaultyClient { server, proxy, client in
            let value = [UInt8](repeating: 120, count: 100_000)
            let commands = (0..<50).map { RedisCommand("SET", RedisKey("key:\($0)"), value).safeToRepeat() }
            proxy.set(.cutAfterClientBytes(2_500_000))
            let results = try await within { try await client.pipeline(commands) }
            #expect(proxy.faultDone.count == 1)
            #expect(results.count == 50)
            #expect(try server("DBSIZE") == 50)
        }
    }

    @Test func `a pipeline waits for the connection and is sent once`() async throws {
        try await withFaultyClient { server, proxy, client in
            proxy.set(.refuse)
            proxy.cut()
            try await untilDisconnected(client)
            let waiting = Task { try await client.pipeline(Self.increments("a", "a", "a")) }
            proxy.set(.pass)
            let results = try await within { try await waiting.value }
            #expect(try results.map { try $0.get() } == [.integer(1), .integer(2), .integer(3)])
        }
    }
}
