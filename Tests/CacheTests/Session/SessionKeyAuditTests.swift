import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T9 and T10: what the server sees of every call of sessions and one-time codes.
///
/// Every key is documented and mortal, scripts touch only keys that they declare, all of a script's keys share a hash
/// tag, and nothing scans.
@Suite struct SessionKeyAuditTests {
    static let scripts = SessionScripts.live.all + [OneTimeCodeScripts.live.issue, OneTimeCodeScripts.verify]

    @Test func `keys are documented and mortal, and scripts stay in their slot`() async throws {
        try await withRedis { server, redis in
            let audit = try await ScriptAudit.during(server) { try await useEverything(redis) }
            #expect(audit.violations == [])
            let missing = Self.scripts.filter { !audit.shas.contains($0.sha) }.map(\.name)
            #expect(missing == [], "these scripts were not run: the audit says nothing about them")
            #expect(audit.commands.isDisjoint(with: ["KEYS", "SCAN", "FLUSHALL", "FLUSHDB", "SMEMBERS", "HGETALL"]))
            // As docs/keys.md lists them.
            let documented = try [
                #"signalbox:session:\{[\w-]{16}\}"#, #"signalbox:session:\{[\w-]{16}\}:[\w-]{22}"#,
                #"signalbox:session:\{[\w-]{16}\}:ended:[0-9a-f]{16}"#,
                #"signalbox:code:\{%7Ba%7D\}(:for:log%3Ain)?(:sent)?"#,
            ].map { try Regex($0) }
            let unknown = audit.keys.filter { key in !documented.contains { key.wholeMatch(of: $0) != nil } }
            #expect(unknown == [])
            for pattern in documented {
                #expect(audit.keys.contains { $0.wholeMatch(of: pattern) != nil }, "documented, and never written")
            }
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    private func useEverything(_ redis: RedisClient) async throws {
        // Twice: with the sources, and by their names.
        for _ in 0..<2 {
            let store = RedisSessionStore<Cart>(redis, options: .init(maxPerUser: 2, timeout: .seconds(60)))
            for user in ["7", "{a}:b*"] {
                let first = try await store.create(userID: user, data: Cart(), tenantID: "t", metadata: ["a": "b"])
                _ = try await store.create(userID: user, data: Cart())
                let third = try await store.create(userID: user, data: Cart())
                _ = try await store.get(first.id)
                try await store.refresh(third.id)
                try await store.update(third.id) { $0.data.visits = 1 }
                let rotated = try await store.rotate(third.id)
                _ = try await store.list(userID: user)
                try await store.destroyAll(userID: user, except: rotated.reference)
                try await store.destroy(rotated.id)
                try await store.destroyAll(userID: user)
            }
            let codes = OneTimeCodes(redis, options: .init(maxCodes: 2, timeout: .seconds(60)))
            for purpose in [nil, "log:in"] {
                for _ in 0..<3 {
                    guard let code = try await codes.generate(for: "{a}", purpose: purpose).code else { continue }
                    _ = try await codes.verify("wrong", for: "{a}", purpose: purpose)
                    _ = try await codes.verify(code.text, for: "{a}", purpose: purpose)
                }
                try await codes.revoke(for: "{a}", purpose: purpose)
            }
        }
    }
}
