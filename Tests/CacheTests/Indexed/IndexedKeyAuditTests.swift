import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10: every key has a time to live and a documented name, nothing lists all keys, and every script stays in
/// the slot of the keys that it declares and under their root.
@Suite struct IndexedKeyAuditTests {
    static let scripts = [
        IndexedScripts.set, IndexedScripts.revise, IndexedScripts.delete, IndexedScripts.setTTL,
        IndexedScripts.increment, IndexedScripts.query, ExpiryScripts.claim, ExpiryScripts.acknowledge,
        ExpiryScripts.hold,
    ]

    private static let documented: Set<String> = [
        "item:a", "item:c", "index:user:alice", "index:user:bob", "due", "expired", "attempts", "kept:a", "kept:c",
    ]

    @Test func `every key is documented and mortal, and scripts stay in their slot`() async throws {
        try await withRedis { server, redis in
            let monitor = try server.connect(timeout: .seconds(60))
            _ = try monitor.call(["MONITOR"])
            try await useEverything(redis)
            try server("ECHO", "the-end")
            var seen: Set<String> = []
            var touched: Set<String> = []
            var ran: Set<String> = []
            var root = ""
            while let line = try monitor.receive().string, !line.contains("\"the-end\"") {
                let words = line.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
                    .compactMap { $0.offset % 2 == 1 ? String($0.element) : nil }
                guard let command = words.first?.uppercased() else { continue }
                seen.insert(command)
                if command == "EVALSHA", words.count > 3, let count = Int(words[2]) {
                    ran.insert(words[1])
                    root = words[3 + count]
                    for key in words[3..<3 + count] { #expect(key.hasPrefix(root + ":"), "\(key)") }
                } else if line.contains(" lua] "), command != "TIME", words.count > 1 {
                    let key = words[1]
                    #expect(key.hasPrefix(root + ":"), "\(command) \(key)")
                    touched.insert(String(key.dropFirst(root.count + 1)))
                }
            }
            #expect(root == "signalbox:indexed:{n}")
            #expect(seen.isDisjoint(with: ["KEYS", "FLUSHALL", "FLUSHDB"]))
            #expect(Self.scripts.filter { !ran.contains($0.sha) }.map(\.name) == [], "these did not run")
            let known = touched.filter { !$0.hasPrefix("gone:") }
            #expect(known == Self.documented)
            #expect(touched.contains { $0.hasPrefix("gone:") && $0.hasSuffix(":a") })
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    private func useEverything(_ redis: RedisClient) async throws {
        let cache = IndexedCache(redis, namespace: "n", options: .unhurried, expiry: .values())
        for script in Self.scripts { try await redis.command(RedisCommand("SCRIPT", "LOAD", script.source)) }
        try await cache.set("a", ["x": 1], indexes: ["user": "alice"])
        try await cache.set("a", ["x": 2], indexes: ["user": "bob"])
        try await cache.update("a", ["x": 3])
        try await cache.update("a", ["x": 4], ttl: .default)
        _ = try await cache.getByIndex("user", "bob", as: [String: Int].self)
        _ = try await cache.getKeysByIndex("user", "alice")
        try await cache.increment("c")
        try await cache.increment("c")
        _ = try await cache.getMany(["c"], as: Int.self)
        try await cache.setTTL("a", .after(.milliseconds(1)))
        try await eventually("it expired") { try await !cache.exists("a") }
        let options = ExpirySweeperOptions(firstRetry: .milliseconds(1))
        let sweeper = try ExpirySweeper(cache, options: options) { if $0.attempt == 1 { throw CancellationError() } }
        try await eventually("told") { try await sweeper.sweep() == 1 }
        try await cache.set("a", 1, ttl: .after(.milliseconds(1)))
        try await eventually("it expired") { try await !cache.exists("a") }
        try await cache.set("a", 1)
        try await cache.delete("a")
        try await cache.clearNamespace()
    }
}
