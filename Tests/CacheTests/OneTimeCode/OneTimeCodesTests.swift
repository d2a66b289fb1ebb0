import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct OneTimeCodesTests {
    private func wrong(_ code: OneTimeCode) -> String { code.text == "000000" ? "000001" : "000000" }

    @Test func `a code is accepted once`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .unhurried)
            let code = try #require(try await codes.generate(for: "7").code)
            #expect(code.text.utf8.count == 6 && code.life == .seconds(300))
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
            #expect(try await codes.verify(code.text, for: "7") == .none)
        }
    }

    @Test func `wrong attempts are counted, and the last voids the code`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .init(attempts: 3, timeout: .seconds(60)))
            let code = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.verify(wrong(code), for: "7") == .wrong(attemptsLeft: 2))
            #expect(try await codes.verify("", for: "7") == .wrong(attemptsLeft: 1))
            #expect(try await codes.verify(String(repeating: "1", count: 10_000), for: "7") == .locked)
            #expect(try await codes.verify(code.text, for: "7") == .locked)
            let next = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.verify(next.text, for: "7") == .accepted)
        }
    }

    @Test func `a code of another id, purpose or prefix is none`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .unhurried)
            let code = try #require(try await codes.generate(for: "7", purpose: "login").code)
            #expect(try await codes.verify(code.text, for: "7") == .none)
            #expect(try await codes.verify(code.text, for: "8", purpose: "login") == .none)
            #expect(try await codes.verify(code.text, for: "7", purpose: "mail") == .none)
            let other = OneTimeCodes(redis, prefix: "b", options: .unhurried)
            #expect(try await other.verify(code.text, for: "7", purpose: "login") == .none)
            #expect(try await codes.verify(code.text, for: "7", purpose: "login") == .accepted)
        }
    }

    @Test func `no id and purpose share a key with others`() {
        let pairs: [(String, String?)] = [
            ("a", nil), ("a", "b"), ("a:for:b", nil), ("a}:for:b", nil), ("a", "b:sent"), ("a", "sent"),
            ("a:sent", nil),
            ("a", "for:b"),
        ]
        let keys = pairs.map { OneTimeCodeKeys(prefix: "p", id: $0.0, purpose: $0.1) }
        #expect(Set(keys.flatMap { [$0.code, $0.sent] }).count == 2 * pairs.count)
    }

    @Test func `a new code voids the old one`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .init(length: 10, timeout: .seconds(60)))
            let old = try #require(try await codes.generate(for: "7").code)
            let new = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.verify(old.text, for: "7") == .wrong(attemptsLeft: 4))
            #expect(try await codes.verify(new.text, for: "7") == .accepted)
            let third = try #require(try await codes.generate(for: "7").code)
            try await codes.revoke(for: "7")
            #expect(try await codes.verify(third.text, for: "7") == .none)
        }
    }

    @Test func `a code expires`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, prefix: "app", options: .init(life: .seconds(1), timeout: .seconds(60)))
            let code = try #require(try await codes.generate(for: "7").code)
            #expect(try #require(try server("PTTL", "app:code:{7}").int) <= 1_000)
            try await eventually("expired") { try server("EXISTS", "app:code:{7}") == 0 }
            #expect(try await codes.verify(code.text, for: "7") == .none)
        }
    }

    @Test func `generating anew is bounded, so attempts are too`() async throws {
        try await withVirtualServer { clock, redis in
            let options = OneTimeCodeOptions(
                minimumInterval: .seconds(30), maxCodes: 3, period: .seconds(600), timeout: .seconds(60))
            let codes = OneTimeCodes(redis, prefix: "app", options: options, scripts: clock.codeScripts)
            let first = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.generate(for: "7") == .refused(retryAfter: .seconds(30)))
            #expect(try await codes.verify(first.text, for: "7") == .accepted, "a refusal leaves the old code alone")
            try clock.advance(.seconds(30))
            #expect(try await codes.generate(for: "7").code != nil)
            try clock.advance(.seconds(30))
            #expect(try await codes.generate(for: "7").code != nil)
            try clock.advance(.seconds(30))
            #expect(try await codes.generate(for: "7") == .refused(retryAfter: .seconds(510)))
            #expect(try await codes.generate(for: "8").code != nil)
            #expect(try await codes.generate(for: "7", purpose: "mail").code != nil)
            // To the microsecond: refused before, issued when it said.
            try clock.advance(.seconds(510) - .microseconds(1))
            #expect(try await codes.generate(for: "7") == .refused(retryAfter: .milliseconds(1)))
            try clock.advance(.microseconds(1))
            #expect(try await codes.generate(for: "7").code != nil)
            #expect(try await codes.generate(for: "7") == .refused(retryAfter: .seconds(30)))
        }
    }

    @Test func `a server's clock that jumps refuses nobody for the length of the jump`() async throws {
        try await withVirtualServer { clock, redis in
            let options = OneTimeCodeOptions(maxCodes: 2, period: .seconds(600), timeout: .seconds(60))
            let codes = OneTimeCodes(redis, prefix: "app", options: options, scripts: clock.codeScripts)
            for _ in 0..<2 { _ = try await codes.generate(for: "7") }
            try clock.advance(.seconds(-86_400))
            #expect(try await codes.generate(for: "7") == .refused(retryAfter: .seconds(600)))
            try clock.advance(.seconds(600))
            let code = try #require(try await codes.generate(for: "7").code)
            try clock.advance(.seconds(86_400))
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
            #expect(try await codes.generate(for: "7").code != nil)
        }
    }

    @Test func `Redis is told no code`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, options: .init(length: 10, timeout: .seconds(60)))
            let monitor = try server.connect(timeout: .seconds(60))
            _ = try monitor.call(["MONITOR"])
            let code = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
            try server("ECHO", "the end")
            while let line = try monitor.receive().string, !line.contains("the end") {
                #expect(!line.contains(code.text))
            }
            #expect(!"\(code)".contains(code.text) && !String(reflecting: code).contains(code.text))
            var dumped = ""
            dump(OneTimeCodeIssue.issued(code), to: &dumped)
            #expect(!dumped.contains(code.text))
        }
    }

    @Test func `with a key codes are of that key only`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .init(key: Secret("one"), timeout: .seconds(60)))
            let code = try #require(try await codes.generate(for: "7").code)
            let keyless = OneTimeCodes(redis, options: .unhurried)
            #expect(try await keyless.verify(code.text, for: "7") == .wrong(attemptsLeft: 4))
            let other = OneTimeCodes(redis, options: .init(key: Secret("two"), timeout: .seconds(60)))
            #expect(try await other.verify(code.text, for: "7") == .wrong(attemptsLeft: 3))
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
        }
    }

    @Test func `what cannot be is refused`() async throws {
        try await withRedis { server, redis in
            for id in ["", String(repeating: "x", count: 1_025)] {
                await expectError(.invalidArgument) { try await OneTimeCodes(redis).generate(for: id) }
                await expectError(.invalidArgument) { try await OneTimeCodes(redis).verify("1", for: id) }
                await expectError(.invalidArgument) { try await OneTimeCodes(redis).revoke(for: "7", purpose: id) }
            }
            for options in [
                OneTimeCodeOptions(length: 3), .init(length: 11), .init(life: .zero),
                .init(life: .seconds(31 * 86_400)),
                .init(attempts: 0), .init(attempts: 101), .init(minimumInterval: .seconds(-1)),
                .init(minimumInterval: .seconds(3_601)), .init(maxCodes: 0), .init(maxCodes: 101), .init(period: .zero),
                .init(key: Secret("")), .init(timeout: .zero),
            ] {
                await expectError(.invalidArgument) {
                    try await OneTimeCodes(redis, options: options).generate(for: "7")
                }
            }
            let keys = try server("DBSIZE")
            #expect(keys == 0)
        }
    }
}
