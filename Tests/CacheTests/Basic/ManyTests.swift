import FoundationEssentials
import RedisCore
import TestSupport
import Testing

@testable import Cache

/// `getMany` reads entries in a way of its own: it has to say of each what `get` says.
@Suite struct ManyTests {
    /// One entry of every sort there is.
    private static func fill(_ cache: RedisCache, _ server: RedisServer) async throws {
        let long = String(repeating: "lorem ipsum ", count: 500)
        try await cache.set("text", "some text")
        try await cache.set("text:long", long)
        try await cache.set("bytes", Data([0xFB, 0, 255]))
        try await cache.set("bytes:long", Data(long.utf8))
        try await cache.set("number", 42)
        try await cache.set("user", User(id: 1, name: "Ada", tags: ["x"]))
        try await cache.set("user:long", User(id: 2, name: long, tags: []))
        try await cache.set("tagged", "alive", tags: ["t", "u"])
        try await cache.set("tagged:dead", "dead", tags: ["t", "gone"])
        try await cache.invalidate(tags: "gone")
        try await cache.set("{odd}*?", "escaped")
        try await cache.with { $0.schema = 7 }.set("schema", "other")
        _ = try await cache.remember("nothing", options: .init(negativeTTL: .seconds(60))) { nil as String? }
        _ = try await cache.remember("fresh", options: .init(failSafe: .init(maxStale: .seconds(600)))) { "fresh" }
        try server("SET", "app:foreign", "plain text", "EX", "600")
        try server("SET", "app:foreign:json", #"{"id":3,"name":"Bob","tags":[]}"#, "EX", "600")
        try server("SET", "app:empty", "", "EX", "600")
        try await server.write("app:damaged", [Envelope.magic, 9, 9])
        try await server.write("app:short", Array(try await cache.stored("text").prefix(7)))
        try await server.write("app:binary", [0x80, 0xFF, 0])
    }

    private static let names = [
        "text", "text:long", "bytes", "bytes:long", "number", "user", "user:long", "tagged", "tagged:dead", "{odd}*?",
        "schema", "nothing", "fresh", "foreign", "foreign:json", "empty", "damaged", "short", "binary", "none", "text",
    ]

    private func compare<T: Decodable & Sendable & Equatable>(_ cache: RedisCache, _ type: T.Type) async throws {
        var expected: [String: T] = [:]
        var unreadable: [String] = []
        for name in Self.names {
            switch try await cache.lookup(name, as: type) {
            case .hit(let value): expected[name] = value
            case .miss: break
            case .undecodable: unreadable.append(name)
            case .unavailable(let error): throw error
            }
        }
        #expect(!expected.isEmpty)
        let readable = Self.names.filter { !unreadable.contains($0) }
        #expect(try await cache.getMany(readable, as: type) == expected, "as \(type)")
        for name in unreadable {
            let alone = await expectError(.undecodable) { try await cache.get(name, as: type) }
            let among = await expectError(.undecodable) { try await cache.getMany(readable + [name], as: type) }
            #expect(alone?.message == among?.message)
            #expect(alone?.key == among?.key)
        }
    }

    @Test func `of every sort of entry many say what one says, as every type`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await Self.fill(cache, server)
            try await compare(cache, String.self)
            try await compare(cache, Data.self)
            try await compare(cache, [UInt8].self)
            try await compare(cache, User.self)
            try await compare(cache, Int.self)
        }
    }

    @Test func `what a clear has ended is missing among many`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["{app}:epoch"])) { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let users = cache.namespace("users")
            try await users.set("1", "old")
            try await cache.clear()
            try await users.set("2", "new")
            #expect(try await users.getMany(["1", "2"], as: String.self) == ["2": "new"])
        }
    }

    @Test func `of two names that are equal for Swift the one that is there is found`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            try await cache.set("caf\u{E9}", "one scalar")
            for names in [["caf\u{E9}", "cafe\u{301}"], ["cafe\u{301}", "caf\u{E9}"]] {
                #expect(try await cache.getMany(names, as: String.self) == ["caf\u{E9}": "one scalar"])
            }
        }
    }

    @Test func `no names cost nothing, and a name that cannot be is refused`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            let before = try server.calls(of: "mget")
            #expect(try await cache.getMany([], as: String.self).isEmpty)
            await expectError(.invalidArgument) { try await cache.getMany(["a", ""], as: String.self) }
            await expectError(.invalidArgument) {
                try await cache.getMany([String(repeating: "x", count: 1_025)], as: String.self)
            }
            #expect(try server.calls(of: "mget") == before)
        }
    }
}

extension RedisServer {
    fileprivate func write(_ key: String, _ bytes: [UInt8]) async throws {
        try await withClient(configuration) { redis in
            _ = try await redis.command(RedisCommand("SET", RedisKey(key), bytes, "EX", 600))
        }
    }
}

extension RedisCache {
    /// An entry's own bytes.
    fileprivate func stored(_ key: String) async throws -> Data {
        try await mget([try redisKey(key)], "test", key: nil)[0] ?? Data()
    }
}
