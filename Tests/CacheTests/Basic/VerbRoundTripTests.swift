import RedisCore
import TestSupport
import Testing

@testable import Cache

/// What every verb of a cache costs, in round trips, is what its comment says; see ``VerbCost``.
@Suite struct VerbRoundTripTests {
    @Test(arguments: CacheVerb.allCases)
    func `a verb costs what its comment says`(verb: CacheVerb) async throws {
        try await withRedisServer { server in
            try server.load(VerbTrial.scripts)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(server.configuration) { direct in
                    try await withClient(proxy.configuration) { redis in
                        let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .seconds(30)))
                        // The connection stands; only then what goes over it is the call's.
                        _ = try await cache.ttl("a")
                        for cost in verb.costs {
                            try server("FLUSHALL")
                            try await VerbTrial.prepare(RedisCache(direct, prefix: "app", options: .unhurried))
                            try await cost.before(RedisCache(direct, prefix: "app", options: .unhurried))
                            let before = proxy.roundTrips
                            try await cost.call(cache)
                            #expect(proxy.roundTrips - before == cost.roundTrips, "\(verb) \(cost.what)")
                        }
                    }
                }
            }
        }
    }

    @Test func `a page of 500 keys that are found is one round trip, and deleting them one more`() async throws {
        try await withRedisServer { server in
            try server.load(VerbTrial.scripts)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: CacheOptions(timeout: .seconds(30)))
                    try await VerbTrial.many(cache)
                    let (before, scans) = (proxy.roundTrips, try server.calls(of: "scan"))
                    #expect(try await cache.keys().count == 1_200)
                    let pages = try server.calls(of: "scan") - scans
                    #expect(proxy.roundTrips - before == pages)
                    #expect(pages <= 6, "a table of 2,048 places, looked through by 500")
                    #expect(try await cache.deleteMany(matching: "m:*") == 1_200)
                    // Of 1,200: what 500 deletions take may come to the proxy in two pieces.
                    #expect(proxy.roundTrips - before <= 3 * pages + 6)
                }
            }
        }
    }
}
