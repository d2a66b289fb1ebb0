import Logging
import RedisCore
import TestSupport
import Testing

@testable import Cache

@Suite struct DebugLogTests {
    private func withLog(
        _ level: Logger.Level, _ body: (RedisServer, RedisClient, LogLines) async throws -> Void
    ) async throws {
        try await withRedisServer(RedisServerOptions(checksLeaks: true)) { server in
            let lines = LogLines()
            var logger = lines.logger
            logger.logLevel = level
            let redis = RedisClient(server.configuration, logger: logger)
            try await body(server, redis, lines)
            await redis.close()
        }
    }

    private func said(_ lines: LogLines) -> [String] {
        lines.all.filter { $0.message.hasPrefix("cache ") }.map { line in
            "\(line.level) \(line.message) \(line.metadata["key"].map { "\($0)" } ?? "-")"
        }
    }

    @Test func `hits, misses, writes, deletions and loads are logged with their keys and never a value`() async throws {
        try await withLog(.debug) { _, redis, lines in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            _ = try await cache.get("a\n", as: String.self)
            try await cache.set("a\n", "s3cret", tags: ["t\n"])
            _ = try await cache.get("a\n", as: String.self)
            _ = try await cache.remember("b") { "s3cret" }
            try await cache.delete("a\n")
            try await cache.delete("a\n", "b")
            try await cache.invalidate(tags: "t\n")
            #expect(
                said(lines) == [
                    "debug cache miss app:a%0A", "debug cache set app:a%0A", "debug cache hit app:a%0A",
                    "debug cache miss app:b", "debug cache loaded app:b", "debug cache set app:b",
                    "debug cache deleted app:a%0A", "debug cache deleted -", "debug cache invalidated -",
                ])
            #expect(lines.count(of: "s3cret") == 0 && lines.count(of: "\n") == 0)
            #expect(lines.count(of: "t%0A") == 1 && lines.count(of: "found\": 1") == 2)
        }
    }

    @Test func `what a load threw is named by its type only`() async throws {
        try await withLog(.debug) { _, redis, lines in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            await #expect(throws: Source.Failure(number: 4_711)) {
                try await cache.remember("a") { () -> Int in throw Source.Failure(number: 4_711) }
            }
            #expect(said(lines) == ["debug cache miss app:a", "debug cache load failed app:a"])
            #expect(lines.count(of: "quokka") == 0 && lines.count(of: "Failure") == 1)
        }
    }

    @Test func `a near hit is worth a trace only`() async throws {
        try await withLog(.trace) { _, redis, lines in
            let cache = try await RedisCache.near(redis)
            try await cache.set("k", "v")
            try await cache.warm("k", "v")
            #expect(said(lines).last == "trace cache hit myapp:k")
        }
    }

    @Test func `nothing is made for a logger that would drop it`() async throws {
        try await withLog(.info) { _, redis, lines in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            #expect(cache.probe == nil)
            #expect(cache.namespace("n").with { $0.observer = CacheObserver { _ in } }.probe != nil)
            try await cache.set("a", 1)
            #expect(said(lines).isEmpty)
        }
    }

    @Test func `ids of sessions, one-time codes and items of an index are in no line, whatever the level`() async throws
    {
        try await withLog(.trace) { _, redis, lines in
            let sessions = RedisSessionStore<String>(redis, options: .unhurried)
            let session = try await sessions.create(userID: "ada-quokka", data: "data-quokka")
            _ = try await sessions.get(session.id)
            _ = try await sessions.destroy(session.id)
            let codes = OneTimeCodes(redis, options: .unhurried)
            let issue = try await codes.generate(for: "bob-quokka")
            let code = try #require(issue.code)
            _ = try await codes.verify(code.text, for: "bob-quokka")
            let items = IndexedCache(redis, namespace: "session", options: .unhurried)
            try await items.set("item-quokka", 1)
            _ = try await items.get("item-quokka", as: Int.self)
            #expect(lines.count(of: session.id.value) == 0)
            #expect(lines.count(of: "quokka") == 0)
        }
    }
}
