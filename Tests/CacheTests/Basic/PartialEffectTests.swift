import RedisCore
import TestSupport
import Testing

@testable import Cache

/// A call of which a part was done says so, whatever its other parts met.
@Suite struct PartialEffectTests {
    /// The first cache is that of a user who may use these keys only, the other one may do everything.
    private func withUser(
        of keys: String..., options: @Sendable (RedisServer) -> CacheOptions = { _ in .unhurried },
        _ body: (_ server: RedisServer, _ limited: RedisCache, _ all: RedisCache) async throws -> Void
    ) async throws {
        try await withRedis { server, redis in
            let user = ["ACL", "SETUSER", "ada", "on", ">pw", "&*", "+@all"]
            #expect(try server.call(user + keys.map { "~\($0)" }).string == "OK")
            var configuration = server.configuration
            configuration.username = "ada"
            configuration.password = Secret("pw")
            try await withClient(configuration) { other in
                let limited = RedisCache(other, prefix: "app", options: options(server))
                try await body(server, limited, RedisCache(redis, prefix: "app", options: .unhurried))
            }
        }
    }

    @Test func `a value taken out whose tags cannot be read is gone, and the error says that it may be`() async throws {
        // Its entries and leases, and the stamp of the whole, but no tag's.
        try await withUser(of: "app:*", "{app:*", "{app}:epoch") { server, cache, all in
            try await all.set("a", 1, tags: ["t"])
            let error = await expectError(.unavailable) { try await cache.getAndDelete("a", as: Int.self) }
            #expect(error?.isEffectUnknown == true)
            #expect(error?.message.contains("stays done") == true)
            #expect(try server("EXISTS", "app:a") == 0)
        }
    }

    @Test func `an error that follows a change is in doubt even when nothing more was sent`() {
        let unsent = CacheError(.unavailable, operation: "get", message: "get was not sent")
        #expect(!unsent.isEffectUnknown)
        #expect(unsent.afterChange.isEffectUnknown)
        #expect(unsent.afterChange.afterChange.message == unsent.afterChange.message)
    }

    @Test func `a refusal beside a change is in doubt, and still a refusal`() {
        let refusal = RedisError(.noPermission, operation: "DEL", message: "no", serverMessage: "NOPERM no")
        #expect(!refusal.isEffectUnknown)
        #expect(refusal.besideChange.isEffectUnknown)
        #expect(refusal.besideChange.isRefusedCall && !refusal.besideChange.isOutage)
        let lost = RedisError(.timedOut, operation: "DEL", message: "no")
        #expect(lost.besideChange.isEffectUnknown && lost.besideChange.isOutage)
    }

    @Test func `of several keys those that may be deleted are, and the error says so`() async throws {
        try await withUser(of: "app:a", "{app:a}:fill") { server, cache, all in
            try await all.setMany(["a": 1, "b": 2])
            let error = await expectError(.unavailable) { try await cache.delete("b", "a") }
            #expect(error?.isEffectUnknown == true)
            #expect(try server("EXISTS", "app:a") == 0)
            #expect(try server("EXISTS", "app:b") == 1)
            // Where nothing was done nothing is in doubt.
            let refused = await expectError(.unavailable) { try await cache.delete("b") }
            #expect(refused?.isEffectUnknown == false)
        }
    }

    @Test func `a flush that is refused on its way says that some is gone`() async throws {
        // After its first chunk the server lets it look for no more keys.
        let refusing = { @Sendable (server: RedisServer) in
            CacheOptions(
                timeout: .seconds(60),
                observer: CacheObserver { event in
                    guard case .deleted = event.kind else { return }
                    _ = try? server("ACL", "SETUSER", "ada", "-scan")
                })
        }
        try await withUser(of: "*", options: refusing) { server, cache, all in
            try await VerbTrial.many(all)
            let error = await expectError(.unavailable) { try await cache.flush() }
            #expect(error?.isEffectUnknown == true)
            let left = try #require(try server("DBSIZE").int)
            #expect((1..<1_200).contains(left))
            // It could not even begin.
            let refused = await expectError(.unavailable) { try await cache.deleteMany(matching: "m:*") }
            #expect(refused?.isEffectUnknown == false)
            #expect(try server("DBSIZE").int == left)
        }
    }

    @Test func `of more tags than one step takes some may be invalidated when it fails, and the error says so`()
        async throws
    {
        try await withUser(of: "{app}:tag:a*") { server, cache, _ in
            let some = (0..<RedisCache.mostTagsAtOnce).map { "a\($0)" }
            let error = await expectError(.unavailable) { try await cache.invalidateAll(tags: some + ["z"]) }
            #expect(error?.isEffectUnknown == true)
            let stamped = try server("EXISTS", "{app}:tag:a0", "{app}:tag:z")
            #expect(stamped == 1)
            let refused = await expectError(.unavailable) { try await cache.invalidate(tags: "z") }
            #expect(refused?.isEffectUnknown == false)
        }
    }
}
