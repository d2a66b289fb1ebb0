import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct FairSemaphoreTests {
    private let key = "signalbox:sem:{a}"

    @Test func `waiters of several processes are served in order of arrival`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let order = Notes<Int>()
                let held = try await Semaphores(redis, fair: true).acquire("a", limit: 1, ttl: .seconds(600))
                var waiters: [Task<Void, any Error>] = []
                for number in 0..<8 {
                    // Pairs, so that each process has two neighbours in the queue and two strangers.
                    let semaphores = Semaphores(number / 2 % 2 == 0 ? redis : other, fair: true)
                    waiters.append(
                        Task {
                            try await semaphores.withPermit("a", limit: 1, wait: .seconds(120)) { _ in
                                order.add(number)
                            }
                        })
                    try await eventually("it is in the queue") {
                        try server("ZCARD", key + ":queue") == .integer(number + 1)
                    }
                }
                let state = try await Semaphores(redis).inspect("a")
                #expect(state.waiting == 8)
                #expect(try await held.releaseInsisting() == .released)
                for waiter in waiters { try await waiter.value }
                #expect(order.all == Array(0..<8))
                #expect(try server("EXISTS", key + ":queue", key + ":waiters") == 0)
            }
        }
    }

    @Test func `a waiter that died is skipped`() async throws {
        try await withRedis { server, redis in
            let time = try server("TIME").strings.compactMap { Int($0) }
            try server("ZADD", key + ":queue", "-1", "dead")
            let now = time[0] * 1_000_000 + time[1]
            try server("ZADD", key + ":waiters", "\(now + 600_000_000)", "dead")
            try server("PEXPIRE", key + ":queue", "60000")
            try server("PEXPIRE", key + ":waiters", "60000")
            let semaphores = Semaphores(redis, fair: true)
            let behind = try await semaphores.tryAcquire("a", limit: 1)
            #expect(behind == nil, "somebody else is first")
            // Only now its place ends soon: the question above may come late.
            try server("ZADD", key + ":waiters", "\(now + 400_000)", "dead")
            let lease = try await semaphores.acquire("a", limit: 1, wait: .seconds(60))
            #expect(try await lease.releaseInsisting() == .released)
        }
    }

    @Test func `who does not wait overtakes nobody`() async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis, fair: true)
            let held = try await semaphores.acquire("a", limit: 2)
            let waiter = Task { try await semaphores.acquire("a", limit: 2, permits: 2, wait: .seconds(120)) }
            try await eventually("it waits") { try server("ZCARD", key + ":queue") == 1 }
            let single = try await semaphores.tryAcquire("a", limit: 2)
            #expect(single == nil, "a permit is free, but somebody waits for two")
            #expect(try await held.releaseInsisting() == .released)
            #expect(try await waiter.value.releaseInsisting() == .released)
        }
    }

    @Test func `a waiter that gives up leaves its place`() async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis, fair: true)
            let held = try await semaphores.acquire("a", limit: 1)
            try await expectStillHeld(key) {
                try await semaphores.acquire("a", limit: 1, wait: .milliseconds(50))
            }
            let cancelled = Task { try await semaphores.acquire("a", limit: 1) }
            try await eventually("it waits") { try server("ZCARD", key + ":queue") == 1 }
            cancelled.cancel()
            await #expect(throws: CancellationError.self) { try await cancelled.value }
            #expect(try server("EXISTS", key + ":queue") == 0)
            #expect(try await held.releaseInsisting() == .released)
        }
    }

    @Test func `a grant that leaves permits wakes the next`() async throws {
        try await withRedis { server, redis in
            let semaphores = Semaphores(redis, fair: true)
            let held = try await semaphores.acquire("a", limit: 2, permits: 2)
            let waiters = (0..<2).map { _ in
                Task { try await semaphores.acquire("a", limit: 2, ttl: .seconds(600), wait: .seconds(120)) }
            }
            try await eventually("both wait") { try server("ZCARD", key + ":queue") == 2 }
            #expect(try await held.releaseInsisting() == .released)
            var leases: [Lease] = []
            for waiter in waiters { leases.append(try await waiter.value) }
            for lease in leases { #expect(try await lease.releaseInsisting() == .released) }
        }
    }
}
