import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: one test for each flaw that requirement 000 has in its OTP service.
@Suite struct OneTimeCodeSeedTests {
    @Test func `seed 000: two who verify at once are both let in`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.tcpConfiguration) { other in
                let (one, two) = (OneTimeCodes(redis, options: .unhurried), OneTimeCodes(other, options: .unhurried))
                for number in 0..<30 {
                    let id = "user \(number)"
                    let code = try #require(try await one.generate(for: id).code)
                    async let first = one.verify(code.text, for: id)
                    async let second = two.verify(code.text, for: id)
                    let verdicts = try await [first, second]
                    #expect(verdicts.count { $0 == .accepted } == 1)
                }
            }
        }
    }

    @Test func `seed 000: a code may be guessed without end`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .init(length: 4, timeout: .seconds(60)))
            var told = 0
            // Every code is asked for and guessed at, as long as any is given out.
            while let code = try await codes.generate(for: "7").code {
                let guess = code.text == "0000" ? "0001" : "0000"
                for _ in 0..<20 {
                    switch try await codes.verify(guess, for: "7") {
                    case .wrong, .accepted: told += 1
                    case .none, .locked: break
                    }
                }
            }
            // Five codes of five attempts; the fifth of each is told as locked.
            #expect(told == 20)
        }
    }

    /// The digests are compared in Lua, where equal texts are one object; and no digest tells about a neighbour.
    @Test func `seed 000: the time of a comparison depends on how much is right`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, prefix: "app", options: .unhurried)
            let code = try #require(try await codes.generate(for: "7").code)
            let stored = try #require(try server("HGET", "app:code:{7}", "digest").string)
            #expect(!stored.contains(code.text))
            let last = code.text.last == "0" ? "1" : "0"
            let near = OneTimeCodeText.digest(code.text.dropLast() + last, id: "7", purpose: nil, key: "")
            #expect(near.commonPrefix(with: stored).count < 6, "five digits right, and nothing alike")
        }
    }

    @Test func `seed 000: an outage reads as a wrong code`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, options: .init(timeout: .milliseconds(300)))
            let code = try #require(try await OneTimeCodes(redis, options: .unhurried).generate(for: "7").code)
            await server.kill()
            await expectError(.unavailable) { try await codes.verify(code.text, for: "7") }
            try await server.start()
        }
    }

    @Test func `seed 000: a deletion that fails leaves the code valid`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, prefix: "app", options: .unhurried)
            let code = try #require(try await codes.generate(for: "7").code)
            try server("CONFIG", "RESETSTAT")
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
            #expect(try server.calls(of: "evalsha") + server.calls(of: "eval") <= 2, "compared and deleted in one")
            #expect(try server("HEXISTS", "app:code:{7}", "digest") == 0)
        }
    }
}

extension String {
    fileprivate func commonPrefix(with other: String) -> Substring {
        self[..<(zip(indices, zip(self, other)).first { $0.1.0 != $0.1.1 }?.0 ?? endIndex)]
    }
}
