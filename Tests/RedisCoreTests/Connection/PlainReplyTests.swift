import TestSupport
import Testing

@testable import RedisCore

@Suite struct PlainReplyTests {
    private func read(_ text: String) -> PlainReply.Outcome { Array(text.utf8).withUnsafeBytes { PlainReply.read($0) } }

    @Test(arguments: [
        ("$5\r\nhello\r\n", PlainReply.bytes(start: 4, count: 5)), ("$0\r\n\r\n", .bytes(start: 4, count: 0)),
        ("$2\r\n\r\n\r\n", .bytes(start: 4, count: 2)), ("$-1\r\n", .null), (":0\r\n", .integer(0)),
        (":-42\r\n", .integer(-42)), (":12345678901234567\r\n", .integer(12_345_678_901_234_567)),
    ])
    func `a plain reply is read whole, and every part of it is a beginning or not for here`(
        text: String, reply: PlainReply
    ) {
        #expect(read(text) == .whole(reply, text.utf8.count))
        #expect(read(text + ":7\r\n") == .whole(reply, text.utf8.count))
        for count in 1..<text.utf8.count {
            switch read(String(decoding: text.utf8.prefix(count), as: UTF8.self)) {
            case .whole: Issue.record("\(count) bytes of \(text.debugDescription) are not a reply")
            case .beginning, .other: break
            }
        }
    }

    @Test(arguments: [
        "", "+OK\r\n", "-ERR no\r\n", "*1\r\n:1\r\n", "$x\r\n", "$-2\r\n", "$1x\r\nab", "$1\r\nabc\r\n", ":\r\n",
        ":-\r\n",
        ":1.5\r\n", ":123456789012345678\r\n", "$32768\r\n", "$99999999999999999\r\n", "%1\r\n", "\u{0}\u{0}",
    ])
    func `all that is not plain is left to hiredis`(text: String) {
        #expect(read(text) == .other)
    }

    @Test func `random bytes never make a reply that is not there`() {
        var random = SplitMix(seed: 7)
        let alphabet = Array("$:*+-\r\n0123456789a".utf8)
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 1...24, using: &random)).map { _ in
                alphabet[Int.random(in: 0..<alphabet.count, using: &random)]
            }
            guard case .whole(let reply, let count) = bytes.withUnsafeBytes({ PlainReply.read($0) }) else { continue }
            let text = String(decoding: bytes.prefix(count), as: UTF8.self)
            #expect(text.hasSuffix("\r\n"))
            switch reply {
            case .null: #expect(text == "$-1\r\n")
            case .integer(let value): #expect(Int64(text.dropFirst().dropLast()) == value)
            case .bytes(let start, let size):
                #expect(text.prefix { $0 != "\r\n" } == "$\(size)" && start + size + 2 == count)
            }
        }
    }

    @Test func `replies of all kinds and sizes arrive whole, wherever a read ends`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                var random = SplitMix(seed: 11)
                let sizes = [0, 1, 9, 10, 99, 1_000, 4_095, 4_096, 32_766, 32_767, 32_768, 40_000]
                for (index, size) in sizes.enumerated() {
                    try await redis.set(RedisKey("s\(index)"), to: String(repeating: "v", count: size))
                }
                try server("RPUSH", "list", "a", "b", "c")
                for _ in 0..<20 {
                    var expected: [RedisValue?] = []
                    var commands: [RedisCommand] = []
                    for _ in 0..<100 {
                        let kind = Int.random(in: 0...5, using: &random)
                        let index = Int.random(in: 0..<sizes.count, using: &random)
                        switch kind {
                        case 0: (commands, expected) = (commands + [RedisCommand("GET", "absent")], expected + [.null])
                        case 1:
                            commands.append(RedisCommand("LRANGE", "list", 0, -1))
                            expected.append(.array(["a", "b", "c"].map { .bytes(Array($0.utf8)) }))
                        case 2:
                            commands.append(RedisCommand("STRLEN", "s\(index)"))
                            expected.append(.integer(Int64(sizes[index])))
                        case 3: (commands, expected) = (commands + [RedisCommand("GET", "list")], expected + [nil])
                        default:
                            commands.append(RedisCommand("GET", "s\(index)"))
                            expected.append(.bytes([UInt8](repeating: UInt8(ascii: "v"), count: sizes[index])))
                        }
                    }
                    let results = try await redis.pipeline(commands)
                    for (result, value) in zip(results, expected) {
                        switch (result, value) {
                        case (.success(let got), let value?): #expect(got == value)
                        case (.failure(let error), nil): #expect(error.code == .wrongType)
                        default: Issue.record("\(result) where \(String(describing: value)) was due")
                        }
                    }
                }
            }
        }
    }
}
