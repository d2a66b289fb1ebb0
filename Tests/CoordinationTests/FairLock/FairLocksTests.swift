import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct FairLocksTests {
    private let key = "signalbox:fair:{a}"

    /// Starts a waiter and returns when it has its place, which it keeps for `lease` when the machine stands still.
    private func waiter(
        _ server: RedisServer, _ redis: RedisClient, place: Int, lease: Duration = .seconds(600),
        _ body: @escaping @Sendable (Lease) async throws -> Void
    ) async throws -> Task<Void, any Error> {
        let task = Task {
            try await FairLocks(redis, place: lease).withLock("a", ttl: .seconds(600), wait: .seconds(120)) {
                try await body($0)
            }
        }
        try await eventually("it has its place") { try server("ZCARD", key + ":queue").int == place }
        return task
    }

    @Test func `a free lock costs two round trips and leaves only its fence`() async throws {
        try await withRedis { server, redis in
            let locks = try FairLocks(redis)
            try await locks.tryAcquire("warm")?.release()
            try server("CONFIG", "RESETSTAT")
            let lease = try await locks.acquire("a", ttl: .seconds(600))
            #expect(try await lease.release() == .released)
            #expect(try server.calls(of: "evalsha") == 2)
            #expect(try server.calls(of: "subscribe") == 0)
            #expect(try server("EXISTS", key, key + ":queue", key + ":waiters") == 0)
        }
    }

    @Test func `waiters of two processes are served in the order in which they came`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let held = try await FairLocks(redis).acquire("a", ttl: .seconds(600))
                let order = Notes<Int>()
                var tasks: [Task<Void, any Error>] = []
                for number in 0..<6 {
                    let client = number.isMultiple(of: 2) ? redis : other
                    tasks.append(try await waiter(server, client, place: number + 1) { _ in order.add(number) })
                }
                #expect(try await FairLocks(redis).tryAcquire("a") == nil)
                try await held.release()
                for task in tasks { try await task.value }
                #expect(order.all == [0, 1, 2, 3, 4, 5])
            }
        }
    }

    @Test func `a release calls the head alone`() async throws {
        try await withRedis { server, redis in
            try server.load(FairScripts.acquire, FairScripts.release)
            // Waiters ask every five seconds all the same: a round that a busy machine draws out is repeated.
            try await eventually("the head alone asks", within: .seconds(60)) {
                try server("CONFIG", "RESETSTAT")
                let held = try await FairLocks(redis).acquire("a", ttl: .seconds(600))
                let first = try await waiter(server, redis, place: 1) { _ in }
                let second = try await waiter(server, redis, place: 2) { _ in }
                // The holder's request, each waiter's own, and the one after its subscription.
                try await eventually("both have settled") { try server.calls(of: "evalsha") >= 5 }
                try server("CONFIG", "RESETSTAT")
                try await held.release()
                try await first.value
                try await second.value
                // Three releases and one request of each waiter.
                try await eventually("all are through") { try server.calls(of: "evalsha") >= 5 }
                return try server.calls(of: "evalsha") == 5
            }
        }
    }

    @Test func `a cancelled waiter, and one whose wait is over, leave the queue`() async throws {
        try await withRedis { server, redis in
            let held = try await FairLocks(redis).acquire("a", ttl: .seconds(600))
            // Short enough to lapse if the one that goes cannot say so in its two seconds.
            let place = Duration.seconds(10)
            let first = try await waiter(server, redis, place: 1, lease: place) { _ in }
            let order = Notes<Int>()
            let second = try await waiter(server, redis, place: 2, lease: place) { _ in order.add(2) }
            first.cancel()
            await #expect(throws: CancellationError.self) { try await first.value }
            try await eventually("it has left") { try server("ZCARD", key + ":queue") == 1 }
            try await expectStillHeld(key) { try await FairLocks(redis).acquire("a", wait: .milliseconds(30)) }
            try await eventually("it has left too") { try server("ZCARD", key + ":queue") == 1 }
            await expectError(.lockNotAcquired) { try await FairLocks(redis).acquire("a", wait: .zero) }
            #expect(try server("ZCARD", key + ":queue") == 1)
            try await held.release()
            try await second.value
            #expect(order.all == [2])
            #expect(try server("EXISTS", key + ":queue", key + ":waiters") == 0)
        }
    }

    @Test func `the head that leaves a free lock calls the next`() async throws {
        try await withRedis { server, redis in
            let keys = try CoordinationKeys(redis.configuration, naming: .standard).fair("a")
            // A head that lives, is not called by anybody, and does not ask.
            let head = Token()
            try server("ZADD", keys.queue, "0", head.text)
            try server("ZADD", keys.waiters, "99999999999999999", head.text)
            try server("PEXPIRE", keys.queue, "600000")
            try server("PEXPIRE", keys.waiters, "600000")
            let second = try await waiter(server, redis, place: 2) { _ in }
            try await eventually("it listens") {
                try server("PUBSUB", "CHANNELS", key + ":wake:*").array?.count == 1
            }
            let token = try #require(try server("ZRANGE", keys.queue, "1", "1").strings.first)
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", key + ":wake:0:" + token)
            let reply: Int64 = try await redis.evaluate(
                FairScripts.release, keys: keys.all, arguments: [head.text, ":wake:0"])
            #expect(reply == 0)
            #expect(try ear.receive().array?.dropFirst().first?.string == key + ":wake:0:" + token)
            try await second.value
        }
    }

    @Test func `a lock whose holder died goes to the head`() async throws {
        try await withRedis { server, redis in
            let held = try await FairLocks(redis, renewal: .off).acquire("a", ttl: .seconds(600))
            let next = try await waiter(server, redis, place: 1) { lease in try lease.checkValid() }
            try await eventually("it listens") {
                try server("PUBSUB", "CHANNELS", key + ":wake:*").array?.count == 1
            }
            // From here on its time is short, and the waiter is told.
            try? await held.extend(by: .milliseconds(400))
            for channel in try server("PUBSUB", "CHANNELS", key + ":wake:*").strings {
                try server("PUBLISH", channel, "")
            }
            try await next.value
            #expect(await held.waitUntilLost() == .unconfirmed)
        }
    }

    @Test func `a restart without persistence ends places and leases, and the waiters go on`() async throws {
        try await withRedis { server, redis in
            let held = try await FairLocks(redis).acquire("a", ttl: .seconds(600))
            let order = Notes<Int>()
            let one = try await waiter(server, redis, place: 1) { _ in order.add(1) }
            let other = try await waiter(server, redis, place: 2) { _ in order.add(2) }
            try await server.restart()
            let loss = await held.waitUntilLost()
            #expect(loss == .expired || loss == .takenOver)
            try await one.value
            try await other.value
            #expect(order.all.sorted() == [1, 2])
        }
    }

    @Test func `holders of several processes exclude each other`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let inside = Occupancy()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in [redis, other] {
                        for _ in 0..<4 {
                            group.addTask {
                                for _ in 0..<10 {
                                    try await FairLocks(client).withLock("a", wait: .seconds(600)) { _ in
                                        inside.enter()
                                        await Task.yield()
                                        inside.leave()
                                    }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(inside.most == 1)
            }
        }
    }
}
