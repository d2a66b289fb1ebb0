import TestSupport
import Testing

@testable import RedisCore

@Suite struct ShortScriptTests {
    private static let echo = RedisScript(
        "echo", isSafeToRepeat: true,
        """
        local seen = ARGV[1] .. '|' .. ARGV[2] .. '|' .. (ARGV[3] or '') .. '|' .. (ARGV[4] or '')
        redis.call('SET', KEYS[1], seen, 'PX', 60000)
        return #KEYS * 100 + #ARGV
        """)

    private func wire(_ call: ShortScriptCall) -> [UInt8] {
        var encoder = CommandEncoder.anonymous()
        call.encode(into: &encoder)
        return encoder.bytes
    }

    @Test(arguments: ["", "x", String(repeating: "é", count: 400), String(repeating: "y", count: 2_000)])
    func `both ways of writing a call are the ordinary command's bytes`(text: String) {
        let script = ShortScript(Self.echo, keyCount: 1, numberCount: 2)
        let call = ShortScriptCall(script: script, texts: ("key", text, "b"), numbers: (0, 9_007_199_254_740_993))
        var ordinary = CommandEncoder.anonymous()
        RedisCommand(
            "EVALSHA", Self.echo.sha, 1, RedisKey("key"), text, "b", Int64(0), Int64(9_007_199_254_740_993)
        ).encode(into: &ordinary)
        #expect(wire(call) == ordinary.bytes)
        var direct: [UInt8] = []
        #expect(call.withWireBytes(WireScratch()) { direct = Array($0) })
        #expect(direct == ordinary.bytes)
    }

    @Test func `negative numbers are written too`() {
        let script = ShortScript(Self.echo, keyCount: 1, numberCount: 2)
        let call = ShortScriptCall(script: script, texts: ("key", "a", "b"), numbers: (-5, .min))
        #expect(String(decoding: wire(call), as: UTF8.self).hasSuffix("$2\r\n-5\r\n$20\r\n-9223372036854775808\r\n"))
    }

    @Test func `a server that does not know the script gets its source`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let script = ShortScript(Self.echo, keyCount: 1, numberCount: 2)
                for _ in 0..<2 {
                    #expect(try await redis.evaluate(script, ("key", "a", "b"), numbers: (7, 8)) == 104)
                    #expect(try server("GET", "key") == "a|b|7|8")
                }
                #expect(try server.calls(of: "eval") == 1)
                try server("SCRIPT", "FLUSH")
                let two = ShortScript(Self.echo, keyCount: 2, numberCount: 0)
                let wrong = await Task { try await redis.evaluate(two, ("key", "other", "b")) }.result
                // ARGV[2] is missing: the script's own error, after its source was sent.
                #expect(throws: RedisError.self) { try wrong.get() }
            }
        }
    }
}
