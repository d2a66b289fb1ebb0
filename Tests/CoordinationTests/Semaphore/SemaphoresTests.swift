import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct SemaphoresTests {
    private let key = "signalbox:sem:{a}"

    @Test(arguments: [false, true])
    func `no more than the limit are inside, and everybody gets in`(fair: Bool) async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let inside = Occupancy()
                let runs = Notes<Int>()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<60 {
                        let semaphores = Semaphores(number.isMultiple(of: 2) ? redis : other, fair: fair)
                        group.addTask {
                            try await semaphores.withPermit("a", limit: 3, wait: .seconds(120)) { lease in
                                inside.enter()
                                await Task.yield()
                                try lease.checkValid()
                                runs.add(number)
                                inside.leave()
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(inside.most <= 3)
                #expect(Set(runs.all).count == 60)
                #expect(try server("ZCARD", key) == 0)
            }
        }
    }

    @Test(arguments: [false, true])
    func `a permit costs one round trip to take and one to give back`(fair: Bool) async throws {
        try await withRedis { server, redis in
            try server.load(
                SemaphoreScripts.acquire, SemaphoreScripts.release, FairSemaphoreScripts.acquire,
                FairSemaphoreScripts.release)
            let semaphores = Semaphores(redis, fair: fair)
            // Too long for a renewal to come in between.
            let one = try #require(await semaphores.tryAcquire("a", limit: 2, ttl: .seconds(600)))
            let two = try await semaphores.acquire("a", limit: 2, ttl: .seconds(600), wait: .seconds(60))
            #expect(try server.calls(of: "evalsha") == 2)
            #expect(two.fencingToken > one.fencingToken)
            let third = try await semaphores.tryAcquire("a", limit: 2)
            #expect(third == nil)
            #expect(try await one.release() == .released)
            #expect(try await two.release() == .released)
            #expect(try server.calls(of: "evalsha") == 5)
        }
    }

    @Test func `permits are taken all or none, and given back together`() async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis)
            let three = try #require(await semaphores.tryAcquire("a", limit: 5, permits: 3))
            let tooMany = try await semaphores.tryAcquire("a", limit: 5, permits: 3)
            #expect(tooMany == nil)
            #expect(try server("ZCARD", key) == 3)
            let two = try #require(await semaphores.tryAcquire("a", limit: 5, permits: 2))
            let state = try await semaphores.inspect("a")
            #expect(state.limit == 5 && state.taken == 5 && state.holders == 2 && state.waiting == 0)
            #expect(state.lastFence == two.fencingToken)
            #expect(try await three.release() == .released)
            #expect(try server("ZCARD", key) == 2)
            #expect(try await three.release() == .released, "a second release says the same and takes nothing")
            #expect(try server("ZCARD", key) == 2)
            try await two.release()
        }
    }

    @Test func `two releases let two waiters of one process in`() async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis)
            let held = [try await semaphores.acquire("a", limit: 2), try await semaphores.acquire("a", limit: 2)]
            let waiters = (0..<2).map { _ in
                Task { try await semaphores.acquire("a", limit: 2, ttl: .seconds(600), wait: .seconds(120)) }
            }
            try await eventually("both wait") { semaphores.engine.waits.waiting(on: key + ":wake:0") == 2 }
            try await eventually("they listen") { try server.listeners(key + ":wake:0") == 1 }
            for lease in held { #expect(try await lease.releaseInsisting() == .released) }
            // Both hold at the same time: a second one that only got in after the first left would hang here.
            var leases: [Lease] = []
            for waiter in waiters { leases.append(try await waiter.value) }
            for lease in leases { #expect(try await lease.releaseInsisting() == .released) }
        }
    }

    @Test func `a crashed holder's permits come back by themselves`() async throws {
        try await withRedis { server, redis in
            let _: [Int] = try await redis.evaluate(
                SemaphoreScripts.acquire, keys: [RedisKey(key), RedisKey(key + ":info")],
                arguments: ["dead", 300, 2, 2, 60_000])
            let semaphores = Semaphores(redis)
            let lease = try await semaphores.acquire("a", limit: 2, permits: 2, wait: .seconds(60))
            #expect(try server("ZSCORE", key, "dead") == .null)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test(arguments: [false, true])
    func `a short permit does not shorten the life of longer ones`(fair: Bool) async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis, fair: fair, renewal: .off)
            let long = try await semaphores.acquire("a", limit: 2, ttl: .seconds(600))
            let short = try await semaphores.acquire("a", limit: 2, ttl: .seconds(60))
            #expect(try server("PTTL", key).int ?? 0 > 500_000)
            // A renewal is a grant for another while.
            try await short.extend(by: .seconds(90))
            #expect(try server("PTTL", key).int ?? 0 > 500_000)
            for lease in [long, short] { #expect(try await lease.releaseInsisting() == .released) }
        }
    }

    @Test func `a held permit is renewed, all of its entries together`() async throws {
        try await withRedis { server, redis in
            let lease = try await Semaphores(redis).acquire("a", limit: 3, permits: 2, ttl: .seconds(600))
            let trust = lease.trustedUntil
            // The lease is long for a process that is held up; its renewal comes now and not after a third of that.
            lease.renewNow()
            try await eventually("renewed") { lease.trustedUntil > trust }
            let scores = try server("ZRANGE", key, "0", "-1", "WITHSCORES").strings
            #expect(scores.count == 4 && scores[1] == scores[3])
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test func `a different limit is obeyed and reported`() async throws {
        try await withRedis { _, redis in
            let keys = [RedisKey(key), RedisKey(key + ":info")]
            func ask(_ token: String, _ limit: Int) async throws -> [Int] {
                try await redis.evaluate(
                    SemaphoreScripts.acquire, keys: keys, arguments: [token, 600_000, limit, 1, 60_000])
            }
            let (one, two) = (try await ask("one", 3), try await ask("two", 3))
            #expect(one[1] == 0 && two[1] == 0)
            let lower = try await ask("three", 2)
            #expect(lower[0] < 0 && lower[1] == 3)
            let higher = try await ask("three", 4)
            #expect(higher[0] > 0 && higher[1] == 2)
        }
    }

    @Test func `a lost permit ends its body`() async throws {
        try await withRedis { server, redis in
            await expectError(.lockLost) {
                try await Semaphores(redis).withPermit("a", limit: 1, ttl: .milliseconds(900)) { lease in
                    try server("ZREM", key, lease.core.token.text)
                    try await TestSignal("never").wait(within: .seconds(60))
                }
            }
        }
    }

    @Test(arguments: [(0, 1), (2, 0), (2, 3), (100_001, 1), (-1, -1)])
    func `permits that cannot be had are refused`(limit: Int, permits: Int) async throws {
        try await withRedis { server, redis in
            await expectError(.invalidArgument) {
                try await Semaphores(redis).tryAcquire("a", limit: limit, permits: permits)
            }
            await expectError(.invalidArgument) { try await Semaphores(redis).acquire("", limit: 1) }
            let left = try server("EXISTS", key, "\(key):info")
            #expect(left == 0)
        }
    }
}
