import TestSupport
import Testing

@testable import RedisCore

@Suite struct PlainArrayTests {
    /// As ``PlainArray/Outcome``, with values instead of where they lie.
    private enum Outcome: Equatable {
        case whole([RedisValue], Int)
        case beginning, other
    }

    private func read(_ bytes: [UInt8]) -> Outcome {
        let arena = ReplyArena()
        return bytes.withUnsafeBytes { bytes in
            switch PlainArray.read(bytes, arena) {
            case .whole(let array, let count):
                guard case .array(let values) = RedisValue(RedisReply(array, arena)) else { return .other }
                return .whole(values, count)
            case .beginning: return .beginning
            case .other: return .other
            }
        }
    }

    private func wire(_ values: [RedisValue]) -> [UInt8] {
        values.reduce(into: Array("*\(values.count)\r\n".utf8)) { wire, value in
            switch value {
            case .integer(let number): wire += Array(":\(number)\r\n".utf8)
            case .bytes(let bytes): wire += Array("$\(bytes.count)\r\n".utf8) + bytes + Array("\r\n".utf8)
            default: wire += Array("$-1\r\n".utf8)
            }
        }
    }

    @Test func `an array of plain replies is read whole, and no part of it is one`() {
        var random = SplitMix(seed: 3)
        for count in [0, 1, 2, 3, 9, 10, 60] {
            let values = (0..<count).map { _ -> RedisValue in
                switch Int.random(in: 0..<4, using: &random) {
                case 0: .null
                case 1: .integer(Int64.random(in: -1_000...1_000, using: &random))
                default:
                    .bytes(
                        (0..<Int.random(in: 0...40, using: &random)).map { _ in
                            UInt8.random(in: 0...255, using: &random)
                        })
                }
            }
            let bytes = wire(values)
            #expect(read(bytes) == .whole(values, bytes.count))
            #expect(read(bytes + Array("$1\r\nx\r\n".utf8)) == .whole(values, bytes.count))
            for part in 1..<bytes.count {
                // Cut within a null it is for hiredis, as a null alone is.
                if case .whole = read(Array(bytes.prefix(part))) { Issue.record("\(part) of \(bytes.count) bytes") }
            }
        }
    }

    @Test(arguments: [
        "", "$1\r\nx\r\n", "*-1\r\n", "*x\r\n", "*1\r\n+OK\r\n", "*1\r\n-ERR no\r\n", "*1\r\n*1\r\n:1\r\n",
        "*2\r\n:1\r\n$32768\r\n", "*1\r\n$x\r\n", "*1\r\n$1\r\nabcd\r\n", "*5000\r\n:1\r\n", "*99999999999999999\r\n",
        "*1\r\n:123456789012345678\r\n",
    ])
    func `all other arrays are left to hiredis`(text: String) {
        #expect(read(Array(text.utf8)) == .other)
    }

    @Test func `random bytes never make an array that is not there`() {
        var random = SplitMix(seed: 7)
        let alphabet = Array("$:*+-\r\n0123a".utf8)
        for _ in 0..<20_000 {
            var bytes = Array("*\(Int.random(in: 0...3, using: &random))\r\n".utf8)
            for _ in 0..<Int.random(in: 0...24, using: &random) {
                bytes.append(alphabet[Int.random(in: 0..<alphabet.count, using: &random)])
            }
            guard case .whole(let values, let count) = read(bytes) else { continue }
            // What it was taken for is what stands there, but for numbers written in another way.
            #expect(wire(values).count <= count && bytes.prefix(count).suffix(2) == Array("\r\n".utf8)[...])
        }
    }

    @Test func `arrays of all sizes arrive whole, wherever a read ends`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                var random = SplitMix(seed: 5)
                let sizes = [0, 1, 100, 1_000, 5_000, 32_767, 32_768]
                for (index, size) in sizes.enumerated() {
                    try await redis.set(RedisKey("s\(index)"), to: String(repeating: "v", count: size))
                }
                for _ in 0..<60 {
                    let wanted = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                        Int.random(in: 0...sizes.count, using: &random)
                    }
                    let command = RedisCommand("MGET", arguments: wanted.map { RedisKey("s\($0)") })
                    let results = try await redis.pipeline([command, RedisCommand("ECHO", "x"), command])
                    let expected = RedisValue.array(
                        wanted.map { index in
                            index == sizes.count
                                ? .null : .bytes([UInt8](repeating: UInt8(ascii: "v"), count: sizes[index]))
                        })
                    for index in [0, 2] { #expect(try results[index].get() == expected) }
                    #expect(try results[1].get() == .bytes(Array("x".utf8)))
                }
            }
        }
    }

    @Test(arguments: [1, 7, 50]) func `an array that comes in pieces is one reply`(size: Int) async throws {
        try await withRedisServer { server in
            try await withFaultProxy(to: server.tcp) { proxy in
                try await RedisClient.withClient(proxy.configuration) { redis in
                    try await redis.set("a", to: "one")
                    try await redis.set("b", to: String(repeating: "b", count: 300))
                    proxy.set(.trickle(size))
                    let values = try await redis.values(of: ["a", "none", "b"])
                    #expect(values.map { $0?.count } == [3, nil, 300])
                }
            }
        }
    }
}
