import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// The script alone, with the server's clock in the test's hand: T5, and entries that somebody else wrote.
@Suite struct SlidingScriptTests {
    private static let hour: Int64 = 3_600_000_000

    /// An entry under `app:a` that was written when the clock showed `written`, µs, and lives for ten hours in Redis.
    private func put(
        _ redis: RedisClient, _ sliding: Envelope.Sliding?, written: Int64, tags: [String] = []
    ) async throws {
        let envelope = Envelope(codec: CacheCodec.text, sliding: sliding, tags: tags)
        let bytes = envelope.pieces(Data("v".utf8), .off).whole(written: written)
        try await redis.command(RedisCommand("SET", RedisKey("app:a"), bytes, "PX", 600_000))
    }

    private func read(_ clock: ScriptClock) throws -> [RespValue] {
        try clock.call(SlidingScripts.read, keys: ["app:a"]).array ?? []
    }

    @Test func `the server's time decides, forward and back`() async throws {
        try await withRedis { server, redis in
            var clock = ScriptClock(server: server)
            let sliding = Envelope.Sliding(span: 10 * Self.hour, idle: 3 * 3_600_000)
            let start = clock.now
            // Hours since it was written, and minutes that it then lives.
            for (hours, left) in [(0, 180), (6, 180), (8, 120), (-5, 180), (-1_000, 180)] as [(Int64, Int)] {
                try await put(redis, sliding, written: start)
                clock.now = start + hours * Self.hour
                let reply = try read(clock)
                #expect(reply.count == 2 && reply.last == 0)
                #expect(try server.minutes("app:a") == left, "\(hours)")
            }
            for hours in [10, 11, 10_000] as [Int64] {
                try await put(redis, sliding, written: start)
                clock.now = start + hours * Self.hour
                #expect(try read(clock).first?.string == nil)
                #expect(try server("EXISTS", "app:a") == 0)
            }
        }
    }

    struct Terms: Sendable, CustomTestStringConvertible {
        let span: Int64
        let idle: Int64
        let written: Int64
        /// Whether it is there afterwards.
        let isLeft: Bool
        var testDescription: String { "\(span) \(idle) \(written)" }
    }

    static let absurd = [
        Terms(span: .max, idle: .max, written: 1, isLeft: true),
        Terms(span: .max, idle: .max, written: .max, isLeft: true),
        Terms(span: -1, idle: -1, written: -1, isLeft: true),
        Terms(span: .max, idle: 0, written: 1, isLeft: true),
        Terms(span: 0, idle: 1_000, written: .max, isLeft: false),
        Terms(span: 10, idle: 1_000, written: 5, isLeft: false),
    ]

    @Test(arguments: absurd) func `survives an entry whose times are absurd`(terms: Terms) async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .slides)
            let sliding = Envelope.Sliding(span: terms.span, idle: terms.idle)
            for tags in [[], ["t"]] {
                try await put(redis, sliding, written: terms.written, tags: tags)
                #expect(try await cache.getMany(["a"], as: String.self) == (terms.isLeft ? ["a": "v"] : [:]))
                try await put(redis, sliding, written: terms.written, tags: tags)
                _ = try await cache.compareAndSet("a", expected: "v", new: "w", tags: tags)
                for move in [cache.touch, cache.persist] {
                    try await put(redis, sliding, written: terms.written, tags: tags)
                    #expect(try await move("a"))
                    #expect(try server("PTTL", "app:a").int != -1)
                }
                try await put(redis, sliding, written: terms.written, tags: tags)
                _ = try await cache.remember("a", tags: tags) { "x" }
            }
        }
    }

    @Test func `an entry without the flag, of another version, or cut off is never touched`() async throws {
        try await withRedis { server, redis in
            let whole = Envelope(codec: 2, sliding: .init(span: 1, idle: 1)).pieces(Data("v".utf8), .off)
                .whole(written: 5)
            var entries = [Data("v".utf8), whole.prefix(29), Data()]
            for (place, byte) in [(0, UInt8(0x7B)), (1, 2), (2, 15), (2, 0), (2, 48), (2, 32)] {
                var other = whole
                other[other.startIndex + place] = byte
                entries.append(other)
            }
            let clock = ScriptClock(server: server)
            for entry in entries {
                try await redis.command(RedisCommand("SET", RedisKey("app:a"), entry, "PX", 600_000))
                #expect(try read(clock).first == .bulk([UInt8](entry)))
                #expect(try server.minutes("app:a") == 10)
            }
        }
    }

    @Test func `what was not renewed is counted, and read all the same`() async throws {
        try await withRedis { server, redis in
            try await put(redis, .init(span: 10 * Self.hour, idle: 3_600_000), written: 1_700_000_000_000_000)
            try server("REPLICAOF", "127.0.0.1", "1")
            let reply = try ScriptClock(server: server).call(SlidingScripts.read, keys: ["app:a", "app:none"])
            #expect(reply.array?.count == 3 && reply.array?.last == 1)
            guard case .bulk(let bytes) = reply.array?.first else {
                Issue.record("it was not read")
                return
            }
            #expect(bytes.first == Envelope.magic)
            try server("REPLICAOF", "NO", "ONE")
        }
    }

    @Test func `an entry says its terms in bytes 15 to 30, whatever else it has`() throws {
        let terms = Envelope.Sliding(span: 0x0102_0304_0506_0708, idle: 0x1112_1314_1516_1718)
        for (freshness, tags) in [(nil, []), (Envelope.Freshness(freshFor: 5, loadTime: 6), ["a", "b"])] {
            let envelope = Envelope(
                codec: 1, schema: 3, written: 4, sliding: terms, freshness: freshness, tags: tags)
            let bytes = envelope.pieces(Data("v".utf8), .off).whole(written: 4)
            #expect([UInt8](bytes)[2] & 16 == 16)
            #expect(
                [UInt8](bytes)[14..<30] == [
                    1, 2, 3, 4, 5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                ])
            #expect(StoredEntry(bytes)?.envelope == envelope)
            #expect(StoredEntry(bytes.prefix(29)) == nil)
        }
    }
}
