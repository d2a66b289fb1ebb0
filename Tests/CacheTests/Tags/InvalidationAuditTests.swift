import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10 for tags, namespaces, invalidators and repositories: what the server sees of them, by MONITOR.
@Suite struct InvalidationAuditTests {
    /// As `docs/keys.md` lists them.
    private static let documented: Set<String> = [
        "app:user:7", "{app:user:7}:fill", "{app:user:7}:writers", "{app}:tag:user:7", "{app}:tag:user:list",
        "{app}:tag:user", "{app}:epoch", "app:user:list:all", "{app:user:list:all}:fill",
    ]

    static let scripts = [
        TagScripts.stamp, TagScripts.reap, TagScripts.retire, WriteScripts.begin, WriteScripts.finish,
        FillScripts.acquire, FillScripts.fill, CacheScripts.delete,
    ]

    @Test func `every key is documented and mortal, and every script keeps to its keys in one slot`() async throws {
        try await withRedis { server, redis in
            let audit = try await ScriptAudit.during(server) {
                try await useEverything(RedisCache(redis, prefix: "app", options: .unhurried))
            }
            #expect(audit.violations == [])
            #expect(audit.commands.isDisjoint(with: ["KEYS", "FLUSHDB", "FLUSHALL"]))
            #expect(Self.scripts.filter { !audit.shas.contains($0.sha) }.map(\.name) == [])
            #expect(audit.keys.subtracting(Self.documented) == [])
            #expect(Self.documented.subtracting(audit.keys) == [], "documented, and never used")
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    private func useEverything(_ cache: RedisCache) async throws {
        let table = UserTable(User(id: 7, name: "Ada"))
        let users = CachedRepository<Int, User>(cache, entity: "user") { table.find($0) }
        _ = try await users.find(7)
        _ = try await users.list("all") { table.all() }
        try await users.update(7) { table.save(User(id: 7, name: "Eve")) }
        try await users.invalidate(7)
        try await users.invalidateAll()
        _ = try await users.find(7)
        try await users.invalidator.warmUp("user:7") { User(id: 7, name: "Eve") }
        try await cache.clear()
        try await cache.reap()
    }
}
