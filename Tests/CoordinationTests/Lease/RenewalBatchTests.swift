import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct RenewalBatchTests {
    private func lockKey(_ name: String) -> String { "signalbox:lock:{\(name)}" }

    @Test func `leases taken at different times are renewed by one call`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            try server.load(LockScripts.renewMany)
            var leases: [Lease] = []
            for number in 0..<100 { leases.append(try await locks.acquire("n\(number)", ttl: .seconds(6))) }
            let trust = leases.map(\.trustedUntil)
            try server("CONFIG", "RESETSTAT")
            try await eventually("all are renewed") { zip(leases, trust).allSatisfy { $0.trustedUntil > $1 } }
            // Two when the machine was so busy that the first ones were due again.
            #expect((1...2).contains(try server.calls(of: "evalsha")))
            for lease in leases { #expect(try await lease.release() == .released) }
        }
    }

    @Test func `each lease gets the answer that is its own`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["signalbox:lock:{list}"])) { server, redis in
            let locks = Locks(redis)
            func take(_ name: String) async throws -> Lease { try await locks.acquire(name, ttl: .seconds(3)) }
            let (kept, gone, stolen, list) = try await (take("kept"), take("gone"), take("stolen"), take("list"))
            try server("DEL", lockKey("gone"))
            try server("SET", lockKey("stolen"), "other", "PX", "60000")
            try server("DEL", lockKey("list"))
            try server("RPUSH", lockKey("list"), "x")
            #expect(await gone.waitUntilLost() == .expired)
            #expect(await stolen.waitUntilLost() == .takenOver)
            #expect(await list.waitUntilLost() == .takenOver)
            #expect(try await kept.isHeld())
            #expect(kept.loss == nil)
            #expect(try await kept.release() == .released)
        }
    }

    @Test func `each lease keeps its own time to live`() async throws {
        try await withRedis { _, redis in
            let replies: [Int] = try await redis.evaluate(
                LockScripts.renewMany, keys: ["a", "b", "c"], arguments: ["ta", 1_000, "tb", 2_000, "tc", 3_000])
            #expect(replies == [0, 0, 0])
            for (key, token) in [("a", "ta"), ("b", "tb"), ("c", "tc")] {
                try await redis.set(RedisKey(key), to: token, expiresIn: .seconds(90))
            }
            let renewed: [Int] = try await redis.evaluate(
                LockScripts.renewMany, keys: ["a", "b", "c"], arguments: ["ta", 10_000, "tx", 20_000, "tc", 30_000])
            #expect(renewed == [1, -1, 1])
            let left = try await redis.pipeline(["a", "b", "c"].map { RedisCommand("PTTL", RedisKey($0)) })
            let seconds = left.map {
                if case .success(.integer(let left)) = $0 { Int((left + 999) / 1_000) } else { 0 }
            }
            #expect(seconds[0] <= 10 && seconds[1] > 80 && (20...30).contains(seconds[2]))
        }
    }
}
