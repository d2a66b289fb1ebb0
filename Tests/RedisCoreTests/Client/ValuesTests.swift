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
                #expect(Array(values) == (0..<count).map { $0.isMultiple(of: 2) ? Data("v\($0)".utf8) : nil })
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

    @Test(arguments: ["", "p:", String(repeating: "p", count: 2_000)])
    func `many names with one prefix are on the wire as MGET of the whole keys`(prefix: String) {
        for names in [["a"], ["1", "é", String(repeating: "n", count: 1_500)], (0..<1_200).map { "n\($0)" }] {
            let others: [RedisKey] = ["{x}:epoch", "y"]
            let command = NamedValuesCommand(prefix: prefix, names: names, others: others)
            let whole = RedisCommand("MGET", arguments: names.map { RedisKey(prefix + $0) } + others)
            var encoder = CommandEncoder.anonymous()
            command.encode(into: &encoder)
            #expect(encoder.bytes == whole.encoder.bytes)
            #expect(ShortMemory.lend { memory in command.withShortBytes(memory) { Array($0) } } == whole.encoder.bytes)
        }
    }

    @Test func `values by names are those of the whole keys, empty ones and nulls told apart`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await redis.set("p:a", to: "1")
                try await redis.set("p:b", to: "")
                try await redis.set("x", to: "2")
                let values = try await redis.values(prefix: "p:", names: ["a", "b", "c", "a"], others: ["x", "z"])
                let expected: [Data?] = [Data("1".utf8), Data(), nil, Data("1".utf8), Data("2".utf8), nil]
                #expect(Array(values) == expected)
                #expect(Array(ValueArray(expected)) == expected)
                let none = try await redis.values(prefix: "p:", names: [], others: [])
                #expect(none.isEmpty)
                await #expect(throws: RedisError.self) {
                    try await redis.values(prefix: "", names: ["a", ""], others: [])
                }
            }
        }
    }

    @Test func `values of any size come whole`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let large = String(repeating: "x", count: 3 << 20)
                try await redis.set("large", to: large)
                try await redis.set("small", to: "s")
                let values = try await redis.values(of: ["small", "large", "none", "small"])
                #expect(Array(values) == [Data("s".utf8), Data(large.utf8), nil, Data("s".utf8)])
            }
        }
    }
}
