import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What cannot work is told by every call of a family, before anything is sent.
@Suite struct CounterOptionTests {
    private static let bad = [
        CountersOptions(ttl: .after(.zero)), CountersOptions(timeout: .zero),
        CountersOptions(requestMemory: .microseconds(1)),
    ]

    @Test(arguments: bad.indices)
    func `options that cannot work are told by every call of a counter`(_ index: Int) async throws {
        try await withRedis { _, redis in
            let counters = Counters(redis, name: "x", options: Self.bad[index])
            await expectError(.invalidArgument) { try await counters.increment("a") }
            await expectError(.invalidArgument) { try await counters.increment("a", by: 0.5) }
            await expectError(.invalidArgument) { try await counters.decrement("a", by: .min) }
            await expectError(.invalidArgument) { try await counters.get("a") }
            await expectError(.invalidArgument) { try await counters.getMany(["a", "b"]) }
            await expectError(.invalidArgument) { try await counters.getMany([]) }
            await expectError(.invalidArgument) { try await counters.getAndReset("a") }
            await expectError(.invalidArgument) { try await counters.set("a", to: 1) }
            await expectError(.invalidArgument) { try await counters.setIfAbsent("a", to: 1) }
            await expectError(.invalidArgument) { try await counters.reset("a") }
            await expectError(.invalidArgument) { try await counters.all() }
            await expectError(.invalidArgument) { for try await _ in counters.ids {} }
        }
    }

    @Test(arguments: bad.indices)
    func `options that cannot work are told by every call of a counter by the minute`(_ index: Int) async throws {
        try await withRedis { _, redis in
            let minutes = Counters(redis, name: "x", options: Self.bad[index]).by(.minute, keep: 5)
            await expectError(.invalidArgument) { try await minutes.add("a") }
            await expectError(.invalidArgument) { try await minutes.sum("a", last: 5) }
            await expectError(.invalidArgument) { try await minutes.series("a", last: 5) }
            await expectError(.invalidArgument) { try await minutes.reset("a") }
        }
    }

    @Test func `all counters of a type are read whatever else the family holds`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "mixed", options: .unhurried)
            try await counters.set("whole", to: 7)
            try await counters.set("fraction", to: 2.5)
            try server("SET", counters.redisKey("word").name, "many")
            try server("RPUSH", counters.redisKey("list").name, "1")
            // A bitmap of eight bits: a byte that begins no UTF-8.
            try server("SETBIT", counters.redisKey("bytes").name, "0", "1")
            #expect(try await counters.all() == ["whole": 7])
            #expect(try await counters.all(as: Double.self) == ["whole": 7, "fraction": 2.5])
        }
    }

    @Test func `all counters at once are an error where the server refuses`() async throws {
        try await withRedis(immortalByDesign) { server, redis in
            let counters = Counters(redis, name: "a", options: .unhurried)
            try await counters.set("n", to: 7)
            try server("ACL", "SETUSER", "default", "-mget")
            await expectError(.unavailable) { try await counters.all() }
            try server("ACL", "SETUSER", "default", "+mget")
            #expect(try await counters.all() == ["n": 7])
        }
    }
}
