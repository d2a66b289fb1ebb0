import Foundation
import RedisCore
import TestSupport
import Testing

@Suite struct `Scanning keys` {
    @Test func `finds 10,000 keys once each, while the server resizes its table`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let names = (0..<10_000).map { "key:\($0)" }
                try await Self.fill(redis, names)
                var found: [String] = []
                for try await key in redis.scan(count: 100) {
                    found.append(key.name)
                    // Deleting makes the table shrink in the middle of the iteration; SCAN then repeats keys.
                    if found.count == 2_000 { try await Self.fill(redis, (0..<30_000).map { "late:\($0)" }) }
                    if found.count == 6_000 {
                        _ = try await redis.pipeline((0..<30_000).map { RedisCommand("DEL", RedisKey("late:\($0)")) })
                    }
                }
                #expect(Set(found).count == found.count)
                #expect(Set(found).isSuperset(of: names))
            }
        }
    }

    @Test func `keeps to a pattern and a type`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                for name in ["a*1", "a*2", "ab1"] { try await redis.set(RedisKey(name), to: "x") }
                try await redis.command(RedisCommand("SADD", RedisKey("a*set"), "x"))
                let literal = RedisGlob.escape("a*") + "*"
                #expect(try await Self.names(redis.scan(match: literal)) == ["a*1", "a*2", "a*set"])
                #expect(try await Self.names(redis.scan(match: literal, type: .set)) == ["a*set"])
                #expect(try await Self.names(redis.scan(match: "nothing*")).isEmpty)
                #expect(try await Self.names(redis.scan()).count == 4)
            }
        }
    }

    @Test func `starts anew with every iterator`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await redis.set("a", to: "x")
                let scan = redis.scan()
                #expect(try await Self.names(scan) == ["a"])
                try await redis.set("b", to: "x")
                #expect(try await Self.names(scan) == ["a", "b"])
            }
        }
    }

    @Test func `ends with an error when its task is cancelled`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                try await Self.fill(redis, (0..<1_000).map { "key:\($0)" })
                let first = TestSignal("the first key")
                let reader = Task {
                    var count = 0
                    for try await _ in redis.scan(count: 1) {
                        count += 1
                        if count == 1 {
                            first.fire()
                            // Cancellation reaches the loop between two keys.
                            while !Task.isCancelled { await Task.yield() }
                        }
                    }
                }
                try await first.wait()
                reader.cancel()
                let error = await #expect(throws: RedisError.self) { try await reader.value }
                #expect(error?.code == .cancelled)
            }
        }
    }

    @Test func `refuses a page size below one, and a key that is no text`() async throws {
        try await withRedisServer { server in
            try await RedisClient.withClient(server.configuration) { redis in
                let pages = await #expect(throws: RedisError.self) { try await Self.names(redis.scan(count: 0)) }
                #expect(pages?.code == .invalidArgument)
                try await redis.command(RedisCommand("SET", [0xFF, 0xFE] as [UInt8], "x"))
                let binary = await #expect(throws: RedisError.self) { try await Self.names(redis.scan()) }
                #expect(binary?.code == .decoding)
                #expect(try await Self.names(redis.scan(match: "a*")).isEmpty)
            }
        }
    }

    private static func fill(_ redis: RedisClient, _ names: [String]) async throws {
        _ = try await redis.pipeline(names.map { RedisCommand("SET", RedisKey($0), "x") })
    }

    private static func names(_ scan: RedisScan) async throws -> Set<String> {
        var names: Set<String> = []
        for try await key in scan { names.insert(key.name) }
        return names
    }
}
