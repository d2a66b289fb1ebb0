import FoundationEssentials
import TestSupport
import Testing

@testable import RedisCore

@Suite struct ValuesTests {
    @Test(arguments: [1, 2, 8, 9, 300]) func `many values come in the order of their keys`(count: Int) async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                for index in stride(from: 0, to: count, by: 2) {
                    try await redis.set(RedisKey("k\(index)"), to: "v\(index)")
                }
                let values = try await redis.values(of: (0..<count).map { RedisKey("k\($0)") })
                #expect(values == (0..<count).map { $0.isMultiple(of: 2) ? Data("v\($0)".utf8) : nil })
            }
        }
    }

    @Test func `its bytes on the wire are those of MGET, short and long`() {
        for keys in [
            ["a"], ["user:1", "{x}:epoch"], [String(repeating: "k", count: 600), String(repeating: "l", count: 600)],
        ] {
            let command = ValuesCommand(keys: keys.map { RedisKey($0) })
            let expected = RedisCommand("MGET", arguments: keys.map { RedisKey($0) }).encoder.bytes
            var encoder = CommandEncoder.anonymous()
            command.encode(into: &encoder)
            #expect(encoder.bytes == expected)
            let short: [UInt8]? = ShortMemory.lend { memory in command.withShortBytes(memory) { Array($0) } }
            if let short { #expect(short == expected) }
        }
    }

    @Test func `an empty key is refused, no key costs nothing`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let nothing = try await redis.values(of: [])
                #expect(nothing.isEmpty)
                await #expect(throws: RedisError.self) { try await redis.values(of: ["a", ""]) }
            }
        }
    }
}
