import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T8: the flaw of the requirement documents in setting many values, from all sides.
@Suite struct SetManySeedTests {
    @Test func `seed 001: mset was not atomic`() async throws {
        try await withRedis { server, _ in
            try server.load([CacheScripts.set(isConditional: false)])
            try await withFaultProxy(to: server.tcp) { proxy in
                var configuration = proxy.configuration
                configuration.retry.maxRetries = 0
                try await withClient(configuration) { redis in
                    let cache = RedisCache(redis, prefix: "app", options: .unhurried)
                    let values = Dictionary(uniqueKeysWithValues: (0..<50).map { ("k\($0)", $0) })
                    // Whichever of them the link ends at: what was sent before it has not been done.
                    for key in ["k7", "k23", "k41"] {
                        proxy.set(.cutBeforeSend(match: "app:\(key) "))
                        await expectError(.unavailable) { try await cache.setMany(values) }
                        #expect(try server("DBSIZE") == 0)
                    }
                    proxy.set(.cutBeforeSend(match: "EXEC"))
                    await expectError(.unavailable) { try await cache.setMany(values) }
                    #expect(try server("DBSIZE") == 0)
                    try await cache.setMany(values, ttl: .after(.seconds(60)))
                    #expect(try server("DBSIZE") == 50)
                    #expect(try server.keysWithoutTTL() == [])
                }
            }
        }
    }

    @Test func `seed 001: readers saw half of an mset`() async throws {
        try await withRedis { server, redis in
            // A read that is late would count as a miss of all.
            let patient = CacheOptions(timeout: .seconds(20))
            let cache = RedisCache(redis, prefix: "app", options: patient)
            // More than the server reads at a time.
            let names = (0..<300).map { "k\($0)" }
            func write(_ round: Int) async throws {
                try await cache.setMany(Dictionary(uniqueKeysWithValues: names.map { ($0, round) }))
            }
            try await write(0)
            try await withClient(server.configuration) { other in
                let reader = RedisCache(other, prefix: "app", options: patient)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { for round in 1...60 { try await write(round) } }
                    group.addTask {
                        for _ in 0..<200 {
                            let seen = Set(try await reader.getMany(names, as: Int.self).values)
                            #expect(seen.count == 1)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test func `seed 001: a server that has forgotten the script sets all of them too`() async throws {
        try await withRedis { server, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for round in 1...2 {
                try server("SCRIPT", "FLUSH")
                try await cache.setMany(["a": round, "b": round, "c": round])
                #expect(try await cache.getMany(["a", "b", "c"]) == ["a": round, "b": round, "c": round])
            }
        }
    }
}
