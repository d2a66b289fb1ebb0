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
            for number in 0..<100 { leases.append(try await locks.acquire("n\(number)", ttl: .seconds(600))) }
            let trust = leases.map(\.trustedUntil)
            try server("CONFIG", "RESETSTAT")
            // As if they had been taken over 80 s: the first is due, the others within half of their period.
            let now = Moment.now
            for (number, lease) in leases.enumerated().reversed() {
                let due = number == 0 ? now : now + .milliseconds(30_000 + 500 * number)
                locks.engine.renewals.reschedule(lease.core, at: due)
            }
            try await eventually("all are renewed") { zip(leases, trust).allSatisfy { $0.trustedUntil > $1 } }
            // Two when the machine was so busy that the first got no answer in time.
            #expect((1...2).contains(try server.calls(of: "evalsha")))
            for lease in leases { #expect(try await lease.release() == .released) }
        }
    }

    @Test func `each lease gets the answer that is its own`() async throws {
        try await withRedis(.init(checksLeaks: true, immortalKeyPrefixes: ["signalbox:lock:{list}"])) { server, redis in
            let locks = Locks(redis)
            func take(_ name: String) async throws -> Lease { try await locks.acquire(name, ttl: .seconds(600)) }
            let (kept, gone, stolen, list) = try await (take("kept"), take("gone"), take("stolen"), take("list"))
            try server("DEL", lockKey("gone"))
            try server("SET", lockKey("stolen"), "other", "PX", "600000")
            try server("DEL", lockKey("list"))
            try server("RPUSH", lockKey("list"), "x")
            #expect(try await gone.lossByRenewal() == .expired)
            #expect(try await stolen.lossByRenewal() == .takenOver)
            #expect(try await list.lossByRenewal() == .takenOver)
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
                try await redis.set(RedisKey(key), to: token, expiresIn: .seconds(900))
            }
            let renewed: [Int] = try await redis.evaluate(
                LockScripts.renewMany, keys: ["a", "b", "c"], arguments: ["ta", 100_000, "tx", 200_000, "tc", 300_000])
            #expect(renewed == [1, -1, 1])
            let left = try await redis.pipeline(["a", "b", "c"].map { RedisCommand("PTTL", RedisKey($0)) })
            let seconds = left.map {
                if case .success(.integer(let left)) = $0 { Int((left + 999) / 1_000) } else { 0 }
            }
            #expect(seconds[0] <= 100 && seconds[1] > 800 && (200...300).contains(seconds[2]))
        }
    }
}
