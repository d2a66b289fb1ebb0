import Foundation
import RedisCore
import TestSupport
import Testing

@Suite struct `A value of 100 MB` {
    private static let size = 100_000_000
    /// Under ThreadSanitizer, whose `realloc` copies, hiredis needs most of a minute to take it in.
    private static let patience = Duration.seconds(300)

    /// Repeats after a prime number of bytes, so that no chunk can be taken for another.
    private static let bytes: [UInt8] = {
        let period = (0..<100_003).map { UInt8(truncatingIfNeeded: $0 ^ $0 >> 8) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + period.count)
        while bytes.count < size { bytes += period }
        bytes.removeLast(bytes.count - size)
        return bytes
    }()

    @Test func `travels both ways unchanged, while small commands pass on the control connection`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.tcp)) { redis in
                async let stored: Void = redis.set("large", to: Self.bytes, timeout: Self.patience)
                // Not behind the large value: answered before it is, whatever the machine does.
                let small = try await redis.command(RedisCommand("PING"), as: String.self, on: .control)
                #expect(small == "PONG")
                try await stored
                #expect(try server("STRLEN", "large") == .integer(Self.size))
                let value = try await redis.get("large", timeout: Self.patience)
                #expect(value == Self.bytes)
            }
        }
    }

    @Test func `travels as Data and in a list`() async throws {
        try await withRedisServer { server in
            try await withClient(impatient(server.unix)) { redis in
                let data = Data(Self.bytes)
                try await redis.command(RedisCommand("RPUSH", RedisKey("list"), data, "small"), timeout: Self.patience)
                let list = try await redis.command(
                    RedisCommand("LRANGE", RedisKey("list"), 0, -1), as: [Data].self, timeout: Self.patience)
                #expect(list == [data, Data("small".utf8)])
            }
        }
    }
}
