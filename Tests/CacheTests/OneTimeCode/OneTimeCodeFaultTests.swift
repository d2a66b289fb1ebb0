import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T2 and T4 for one-time codes.
@Suite struct OneTimeCodeFaultTests {
    private func wrong(_ code: OneTimeCode) -> String { code.text == "000000" ? "000001" : "000000" }

    private func withCut(
        _ script: RedisScript, executed: Bool, _ body: (OneTimeCodes, () -> Void) async throws -> Void
    ) async throws {
        try await withRedisServer(.init(checksLeaks: true)) { server in
            try server.load([OneTimeCodeScripts.live.issue, OneTimeCodeScripts.verify])
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let codes = OneTimeCodes(redis, options: .init(maxCodes: 2, timeout: .seconds(20)))
                    try await body(codes) {
                        proxy.set(executed ? .cutBeforeReply(match: script.sha) : .cutBeforeSend(match: script.sha))
                    }
                    #expect(proxy.faultDone.count > 0)
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func `a lost reply does not turn accepted into none`(executed: Bool) async throws {
        try await withCut(OneTimeCodeScripts.verify, executed: executed) { codes, cut in
            let code = try #require(try await codes.generate(for: "7").code)
            cut()
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
            #expect(try await codes.verify(code.text, for: "7") == .none)
        }
    }

    @Test(arguments: [true, false])
    func `a wrong attempt costs one attempt`(executed: Bool) async throws {
        try await withCut(OneTimeCodeScripts.verify, executed: executed) { codes, cut in
            let code = try #require(try await codes.generate(for: "7").code)
            cut()
            #expect(try await codes.verify(wrong(code), for: "7") == .wrong(attemptsLeft: 4))
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
        }
    }

    @Test(arguments: [true, false])
    func `a code counts once`(executed: Bool) async throws {
        try await withCut(OneTimeCodeScripts.live.issue, executed: executed) { codes, cut in
            cut()
            #expect(try await codes.generate(for: "7").code != nil)
            let code = try #require(try await codes.generate(for: "7").code)
            #expect(try await codes.generate(for: "7").code == nil)
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
        }
    }

    @Test func `the same request is accepted again, also when a new code was made meanwhile`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, prefix: "app", options: .unhurried)
            let code = try #require(try await codes.generate(for: "7").code)
            let digest = OneTimeCodeText.digest(code.text, id: "7", purpose: nil, key: "")
            func verify(_ request: String) throws -> Int? {
                try server.call(
                    ["EVAL", OneTimeCodeScripts.verify.source, "1", "app:code:{7}", digest, request, "60000"]
                ).array?.first?.int
            }
            #expect(try verify("a") == 1)
            #expect(try verify("a") == 1)
            #expect(try verify("b") == 0)
            _ = try await codes.generate(for: "7")
            #expect(try verify("a") == 1)
            #expect(try verify("b") == 2)
            try await codes.revoke(for: "7")
            #expect(try verify("a") == 1)
            #expect(try verify("c") == 0)
        }
    }

    @Test func `of many who enter the right code at once one is accepted`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.tcpConfiguration) { other in
                let all = [redis, other].map { OneTimeCodes($0, options: .init(attempts: 100, timeout: .seconds(20))) }
                let code = try #require(try await all[0].generate(for: "7").code)
                let verdicts = try await withThrowingTaskGroup(of: OneTimeCodeVerdict.self) { group in
                    for number in 0..<64 { group.addTask { try await all[number % 2].verify(code.text, for: "7") } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(verdicts.count { $0 == .accepted } == 1)
                #expect(verdicts.count { $0 == .none } == 63)
            }
        }
    }

    @Test func `of many who guess at once no more than the attempts are told anything`() async throws {
        try await withRedis { _, redis in
            let codes = OneTimeCodes(redis, options: .init(timeout: .seconds(20)))
            let code = try #require(try await codes.generate(for: "7").code)
            let guess = wrong(code)
            let verdicts = try await withThrowingTaskGroup(of: OneTimeCodeVerdict.self) { group in
                for _ in 0..<64 { group.addTask { try await codes.verify(guess, for: "7") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(verdicts.count { $0 == .locked } == 60)
            #expect(try await codes.verify(code.text, for: "7") == .locked)
        }
    }

    /// A server that takes no writes must not say whether a guess is right: it could not count it.
    @Test func `a server that takes no writes tells nothing about a code`() async throws {
        try await withRedis { server, redis in
            let codes = OneTimeCodes(redis, options: .unhurried)
            let code = try #require(try await codes.generate(for: "7").code)
            for (on, off) in [
                (["CONFIG", "SET", "maxmemory", "1"], ["CONFIG", "SET", "maxmemory", "0"]),
                (["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]),
            ] {
                try server.call(on)
                for text in [code.text, wrong(code)] {
                    let error = await expectError(.unavailable) { try await codes.verify(text, for: "7") }
                    #expect(error.map { !"\($0)".contains(text) } == true)
                }
                await expectError(.unavailable) { try await codes.generate(for: "8") }
                try server.call(off)
            }
            #expect(try await codes.verify(wrong(code), for: "7") == .wrong(attemptsLeft: 4), "none was counted")
            #expect(try await codes.verify(code.text, for: "7") == .accepted)
        }
    }

    @Test func `a server that is gone, silent or empty is no wrong code`() async throws {
        try await withRedis { server, redis in
            // Only what has to be an outage is given up soon.
            let codes = OneTimeCodes(redis, options: .init(timeout: .milliseconds(300)))
            let patient = OneTimeCodes(redis, options: .unhurried)
            let code = try #require(try await patient.generate(for: "7").code)
            try server("SCRIPT", "FLUSH")
            #expect(try await patient.verify(wrong(code), for: "7") == .wrong(attemptsLeft: 4))
            server.pause()
            await expectError(.unavailable) { try await codes.verify(code.text, for: "7") }
            server.resume()
            await server.kill()
            await expectError(.unavailable) { try await codes.verify(code.text, for: "7") }
            await expectError(.unavailable) { try await codes.generate(for: "7") }
            await expectError(.unavailable) { try await codes.revoke(for: "7") }
            try await server.start()
            try await eventually("answers") {
                (try? await codes.verify(code.text, for: "7")) == OneTimeCodeVerdict.none
            }
            #expect(try await patient.generate(for: "7").code != nil)
        }
    }
}
