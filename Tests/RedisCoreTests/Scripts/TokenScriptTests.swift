import TestSupport
import Testing

@testable import RedisCore

@Suite struct TokenScriptTests {
    private static let echo = RedisScript(
        "echo", isSafeToRepeat: true,
        """
        local seen = ARGV[1] .. '|' .. (ARGV[2] or '') .. '|' .. (ARGV[3] or '') .. '|' .. (ARGV[4] or '')
        redis.call('SET', KEYS[1], seen, 'PX', 60000)
        return #KEYS * 100 + #ARGV
        """)
    private static let token = (high: UInt64(0x0123_4567_89AB_CDEF), low: UInt64(0xFEDC_BA98_0000_00FF))
    private static let digits = "0123456789abcdeffedcba98000000ff"

    private func wire(_ source: some CommandSource) -> [UInt8] {
        var encoder = CommandEncoder.anonymous()
        source.encode(into: &encoder)
        return encoder.bytes
    }

    @Test(arguments: ["k", String(repeating: "é", count: 150), String(repeating: "y", count: 2_000)])
    func `both ways of writing a call are the ordinary command's bytes`(key: String) {
        let script = TokenScript(Self.echo, hasSibling: true, hasText: true, numberCount: 2)
        let call = TokenScriptCall(
            script, key: key, sibling: ("{", "}:fence"), token: Self.token, text: ":wake:0",
            numbers: (0, 9_007_199_254_740_993))
        let ordinary = wire(
            RedisCommand(
                "EVALSHA", Self.echo.sha, 2, RedisKey(key), RedisKey("{" + key + "}:fence"), Self.digits, ":wake:0",
                Int64(0), Int64(9_007_199_254_740_993)))
        #expect(wire(call) == ordinary)
        var direct: [UInt8] = []
        #expect(call.withWireBytes(WireScratch()) { direct = Array($0) })
        #expect(direct == ordinary)
        let short = ShortMemory.lend { memory in call.withShortBytes(memory) { Array($0) } }
        #expect(short == (key.utf8.count < 400 ? ordinary : nil))
    }

    @Test func `negative numbers are written too`() {
        let script = TokenScript(Self.echo, hasSibling: false, hasText: false, numberCount: 2)
        let call = TokenScriptCall(script, key: "key", token: Self.token, numbers: (-5, .min))
        #expect(String(decoding: wire(call), as: UTF8.self).hasSuffix("$2\r\n-5\r\n$20\r\n-9223372036854775808\r\n"))
    }

    @Test func `a token is 32 lower-case hexadecimal digits`() {
        #expect(TokenScriptCall.text(of: Self.token) == Self.digits)
        #expect(
            TokenScriptCall.text(of: (0, .max)) == String(repeating: "0", count: 16) + String(repeating: "f", count: 16)
        )
    }

    @Test func `a server that does not know the script gets its source`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let script = TokenScript(Self.echo, hasSibling: false, hasText: true, numberCount: 2)
                let call = TokenScriptCall(script, key: "key", token: Self.token, text: "b", numbers: (7, 8))
                for _ in 0..<2 {
                    #expect(try await redis.evaluate(call) == 104)
                    #expect(try server("GET", "key") == .bulk(Array("\(Self.digits)|b|7|8".utf8)))
                }
                #expect(try server.calls(of: "eval") == 1)
                try server("SCRIPT", "FLUSH")
                let sibling = TokenScript(Self.echo, hasSibling: true, hasText: false, numberCount: 0)
                let pair = TokenScriptCall(sibling, key: "{k}", sibling: ("", ":2"), token: Self.token)
                #expect(try await redis.evaluate(pair) == 201)
            }
        }
    }
}
