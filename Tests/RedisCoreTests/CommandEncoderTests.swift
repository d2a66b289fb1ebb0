import Foundation
import TestSupport
import Testing

@testable import RedisCore

@Suite struct `A command on the wire` {
    private func wire(_ command: RedisCommand) -> String {
        String(decoding: command.encoder.bytes, as: UTF8.self)
    }

    @Test func `is an array of bulk strings, counted in bytes`() {
        #expect(wire(RedisCommand("PING")) == "*1\r\n$4\r\nPING\r\n")
        #expect(wire(RedisCommand("SET", RedisKey("ü"), "")) == "*3\r\n$3\r\nSET\r\n$2\r\nü\r\n$0\r\n\r\n")
        #expect(
            wire(RedisCommand("X", arguments: Array(repeating: 1, count: 11))).hasPrefix(
                "*12\r\n$1\r\nX\r\n$1\r\n1\r\n"))
    }

    @Test(arguments: [0, 9, 10, -1, -10, 99, 100, Int64.max, .min])
    func `holds every integer's digits`(value: Int64) {
        #expect(wire(RedisCommand("X", value)).hasSuffix("$\("\(value)".utf8.count)\r\n\(value)\r\n"))
    }

    @Test func `knows its keys, and only those`() {
        let command = RedisCommand("EVAL", "return 1", 2, RedisKey("ä"), RedisKey("b"), "c")
        #expect(command.keys == ["ä", "b"])
        #expect(RedisCommand("PING").keys.isEmpty)
    }

    @Test func `is safe to repeat when it reads, or says so`() {
        #expect(RedisCommand("get", RedisKey("a")).isSafeToRepeat)
        #expect(!RedisCommand("INCR", RedisKey("a")).isSafeToRepeat)
        #expect(RedisCommand("SET", RedisKey("a"), "1").safeToRepeat().isSafeToRepeat)
        #expect(!RedisCommand("GET", RedisKey("a")).safeToRepeat(false).isSafeToRepeat)
    }

    @Test func `with an empty key, or too large an argument, is never sent`() async throws {
        // Never touched, so that the half gigabyte is not really taken.
        let tooLarge = Data(count: 512 << 20 + 1)
        let redis = RedisClient(RedisConfiguration(endpoint: .unix(path: "/nowhere")))
        for command in [RedisCommand("GET", RedisKey("")), RedisCommand("SET", RedisKey("a"), tooLarge)] {
            let error = await #expect(throws: RedisError.self) { try await redis.command(command) }
            #expect(error?.code == .invalidArgument)
            let piped = await #expect(throws: RedisError.self) { try await redis.pipeline([command]) }
            #expect(piped?.code == .invalidArgument)
        }
        await redis.close()
    }

    @Test func `carries every kind of argument, byte for byte, around the size that is streamed`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let sizes = [0, 1, 65_535, 65_536, 65_537, 262_144, 262_145, 1_000_003]
                for size in sizes {
                    let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
                    let text = String(repeating: "ü", count: size / 2)
                    let slice = (Data([1, 2, 3]) + Data(bytes)).dropFirst(3)
                    let arguments: [any RedisArgument] = ["a", bytes, 7, text, slice, 2.5, bytes]
                    let echoed = try await redis.command(
                        RedisCommand("EVAL", arguments: ["return ARGV", 0] + arguments), as: [[UInt8]].self)
                    let expected: [[UInt8]] = [[97], bytes, [55], Array(text.utf8), bytes, Array("2.5".utf8), bytes]
                    #expect(echoed == expected, "size \(size)")
                }
            }
        }
    }
}
