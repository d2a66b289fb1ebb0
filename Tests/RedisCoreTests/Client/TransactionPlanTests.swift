import Testing

@testable import RedisCore

/// The plan is pure; what the server really answers is tested with the client.
@Suite struct `A transaction's replies` {
    private static let ok = Result<RedisValue, RedisError>.success(.status("OK"))
    private static let queued = Result<RedisValue, RedisError>.success(.status("QUEUED"))

    private func error(_ reply: String, _ operation: String = "EXEC") -> RedisError {
        RedisError(serverReply: reply, operation: operation, address: nil)
    }

    private func plan() throws -> TransactionPlan {
        try TransactionPlan([RedisCommand("SET", RedisKey("a"), "1"), RedisCommand("INCR", RedisKey("b"))])
    }

    @Test func `are the results of its commands, failures among them`() throws {
        let results = try plan().results(of: [
            Self.ok, Self.queued, Self.queued,
            .success(.array([.status("OK"), .error("WRONGTYPE Operation against a key")])),
        ])
        #expect(try results[0].get() == .status("OK"))
        let failure = #expect(throws: RedisError.self) { try results[1].get() }
        #expect(failure?.code == .wrongType)
        #expect(failure?.operation == "INCR")
    }

    @Test func `of an aborted transaction are an error of their own`() throws {
        let failure = try #require(throws: RedisError.self) {
            try plan().results(of: [Self.ok, Self.queued, Self.queued, .success(.null)])
        }
        #expect(failure.code == .transactionAborted)
    }

    @Test func `of a refused command name that command and the reason`() throws {
        let refused = error("ERR unknown command 'INCRR', with args beginning with: 'x'", "INCR")
        let failure = try #require(throws: RedisError.self) {
            try plan().results(of: [
                Self.ok, Self.queued, .failure(refused),
                .failure(error("EXECABORT Transaction discarded because of previous errors.")),
            ])
        }
        #expect(failure.code == .transactionRefused)
        #expect(failure.operation == "INCR")
        #expect(failure.message.contains("unknown command"))
    }

    @Test func `that broke off keep the error of the connection`() throws {
        let lost = RedisError(.connectionLost, operation: "EXEC", message: "reset by peer", wasWritten: true)
        let failure = try #require(throws: RedisError.self) {
            try plan().results(of: [Self.ok, Self.queued, Self.queued, .failure(lost)])
        }
        #expect(failure.code == .connectionLost && failure.wasWritten)
        let atOnce = try #require(throws: RedisError.self) {
            try plan().results(of: Array(repeating: .failure(lost), count: 4))
        }
        #expect(atOnce.code == .connectionLost && atOnce.message == "reset by peer")
    }

    @Test func `without a beginning say that commands may have run alone`() throws {
        let failure = try #require(throws: RedisError.self) {
            try plan().results(of: [
                .failure(error("NOPERM this user has no permissions to run the 'multi' command", "MULTI")), Self.ok,
                .success(.integer(1)), .failure(error("ERR EXEC without MULTI")),
            ])
        }
        #expect(failure.code == .noPermission && failure.operation == "MULTI" && failure.isEffectUnknown)
        #expect(failure.message.contains("one by one"))
    }

    @Test(arguments: [
        [ok, queued, .success(.array([]))], [ok, queued, queued, .success(.array([.integer(1)]))],
        [ok, queued, queued, .success(.status("OK"))], [],
    ])
    func `of another shape are a protocol violation`(replies: [Result<RedisValue, RedisError>]) throws {
        let failure = try #require(throws: RedisError.self) { try plan().results(of: replies) }
        #expect(failure.code == .protocolViolation)
    }
}
