import RedisCore
import TestSupport
import Testing

/// What a lost attempt may have done stays possible when the answer to its repetition is a refusal.
@Suite struct LostThenRefusedTests {
    private let rename = RedisCommand("RENAME", RedisKey("a"), RedisKey("b")).safeToRepeat()

    private func refusal(of result: Result<RedisValue, RedisError>?) -> RedisError? {
        if case .failure(let error) = result { error } else { nil }
    }

    @Test(arguments: [false, true])
    func `the effect of a command in a batch is unknown`(isTransaction: Bool) async throws {
        try await withFaultyClient { server, proxy, client in
            @Sendable func send() async throws -> [Result<RedisValue, RedisError>] {
                isTransaction ? try await client.transaction([rename]) : try await client.pipeline([rename])
            }
            try server("SET", "a", "1")
            proxy.set(.cutBeforeReply(match: isTransaction ? "EXEC" : "RENAME a b"))
            let lost = refusal(of: try await within { try await send() }.first)
            #expect(try server("EXISTS", "b") == 1)
            #expect(lost?.serverMessage?.contains("no such key") == true)
            #expect(lost?.isEffectUnknown == true)
            let refused = refusal(of: try await send().first)
            #expect(refused?.serverMessage?.contains("no such key") == true)
            #expect(refused?.isEffectUnknown == false)
        }
    }

    @Test(arguments: [false, true])
    func `the effect of a script that the server forgot is unknown`(isBatch: Bool) async throws {
        try await withFaultyClient { server, proxy, client in
            let script = RedisScript("test", isSafeToRepeat: true, "return redis.call('INCR', KEYS[1])")
            let call: @Sendable () async throws -> Void = {
                guard isBatch else {
                    _ = try await client.evaluate(script, keys: [RedisKey("n")], as: Int.self)
                    return
                }
                _ = try await client.evaluate(script, batch: [([RedisKey("n")], [])])[0].get()
            }
            try await call()
            server.pause()
            let running = Task { try await call() }
            try await eventually("it is on its way") { proxy.commands(containing: script.sha) >= 2 }
            // Nobody gets through before the server has forgotten the script and forbids to bring it again.
            proxy.set(.refuse)
            proxy.cut()
            server.resume()
            try server("SCRIPT", "FLUSH")
            try server("ACL", "SETUSER", "default", "-eval")
            proxy.set(.pass)
            let error = try await failure { try await running.value }
            #expect(error?.code == .noPermission)
            #expect(error?.isEffectUnknown == true)
            let refused = try await failure { try await call() }
            #expect(refused?.code == .noPermission)
            #expect(refused?.isEffectUnknown == false)
        }
    }

    @Test(arguments: [false, true])
    func `cancelling the pause before a repetition speaks for the last attempt`(isLost: Bool) async throws {
        let slow = RetryPolicy(maxRetries: 3, initialDelay: .seconds(60), multiplier: 2)
        try await withFaultyClient {
            $0.retry = slow
            $0.commandTimeout = .seconds(300)
        } _: { server, proxy, client in
            proxy.set(isLost ? .cutBeforeReply(match: "INCR n") : .garbage([UInt8]("-BUSY a script runs\r\n".utf8)))
            let command = RedisCommand("INCR", RedisKey("n")).safeToRepeat()
            let running = Task { try await client.command(command, as: Int.self) }
            try await eventually("it was executed") { try server("GET", "n") == "1" }
            try await proxy.faultDone.wait(within: .seconds(60))
            // Its connection, or the next one, answers: what was before that has been heard.
            try await eventually("the next is answered") {
                (try? await client.get("other", as: String.self, timeout: .seconds(1))) == .some(nil)
            }
            running.cancel()
            let error = try await failure { try await running.value }
            #expect(error?.code == .cancelled)
            #expect(error?.isEffectUnknown == isLost)
        }
    }
}
