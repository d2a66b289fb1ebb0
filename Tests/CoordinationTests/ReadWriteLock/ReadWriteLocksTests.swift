import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct ReadWriteLocksTests {
    private let key = "signalbox:rw:{a}"

    @Test func `many read, one writes, and never both`() async throws {
        try await withRedis { _, redis in
            let locks = ReadWriteLocks(redis)
            let one = try #require(try await locks.tryRead("a"))
            let other = try #require(try await locks.tryRead("a"))
            #expect(try await locks.tryWrite("a") == nil)
            #expect(try await one.isHeld())
            #expect(try await one.release() == .released)
            #expect(try await locks.tryWrite("a") == nil)
            #expect(try await other.release() == .released)
            let writer = try #require(try await locks.tryWrite("a"))
            #expect(try await locks.tryRead("a") == nil)
            #expect(try await locks.tryWrite("a") == nil)
            #expect(try await writer.release() == .released)
            #expect(try await writer.isHeld() == false)
        }
    }

    @Test func `nothing but the fence is left behind, and it has a time to live`() async throws {
        try await withRedis { server, redis in
            try await ReadWriteLocks(redis).withWrite("a") { _ in }
            try await ReadWriteLocks(redis).withRead("a") { _ in }
            #expect(try server("KEYS", "*").strings == [key + ":fence"])
            #expect((try server("PTTL", key + ":fence").int ?? 0) > 29 * 86_400_000)
        }
    }

    @Test func `a writer's fence grows and a reader gets that of the last writer`() async throws {
        try await withRedis { _, redis in
            let locks = ReadWriteLocks(redis)
            let early = try await locks.read("a")
            try await early.release()
            let first = try await locks.write("a")
            #expect(first.fencingToken > early.fencingToken)
            try await first.release()
            let reader = try await locks.read("a")
            #expect(reader.fencingToken == first.fencingToken)
            try await reader.release()
            let second = try await locks.write("a")
            #expect(second.fencingToken > first.fencingToken)
            try await second.release()
        }
    }

    @Test func `a waiting writer keeps new readers out and gets the lock before them`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let reader = try await ReadWriteLocks(redis).read("a", ttl: .seconds(600))
                let order = Notes<String>()
                let writer = Task {
                    try await ReadWriteLocks(other).withWrite("a", wait: .seconds(120)) { _ in order.add("writer") }
                }
                try await eventually("the writer waits") { try server("ZCARD", key + ":writers") == 1 }
                #expect(try await ReadWriteLocks(redis).tryRead("a") == nil)
                let late = Task {
                    try await ReadWriteLocks(redis).withRead("a", wait: .seconds(120)) { _ in order.add("reader") }
                }
                try await eventually("the reader waits") { try server.listeners(key + ":readers:wake:0") == 1 }
                try await reader.release()
                try await writer.value
                try await late.value
                #expect(order.all == ["writer", "reader"])
            }
        }
    }

    @Test func `a writer's end wakes all readers, in every process`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let writer = try await ReadWriteLocks(redis).write("a", ttl: .seconds(600))
                let together = TestSignal("a reader is in")
                // Nobody leaves before all are in: a reader that had to wait for another's end would never get in.
                let readers = [redis, redis, redis, other, other].map { client in
                    Task {
                        try await ReadWriteLocks(client).withRead("a", ttl: .seconds(600), wait: .seconds(120)) { _ in
                            together.fire()
                            try await together.wait(count: 5, within: .seconds(60))
                        }
                    }
                }
                let engines = [CoordinationEngine.of(redis), CoordinationEngine.of(other)]
                try await eventually("all wait and listen") {
                    try engines.map { $0.waits.waiting(on: key + ":readers:wake:0") } == [3, 2]
                        && server.listeners(key + ":readers:wake:0") == 2
                }
                try await writer.release()
                for reader in readers { try await reader.value }
            }
        }
    }

    /// Behind another writer of its process a writer is not noted on the server, and must hear of the end all the same.
    @Test func `a writer's end is announced to readers and to writers that are not noted`() async throws {
        try await withRedis { server, redis in
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", key + ":wake:0")
            try ear("SUBSCRIBE", key + ":readers:wake:0")
            let lease = try await ReadWriteLocks(redis).write("a")
            try await lease.release()
            let heard = try (0..<2).map { _ in try ear.receive().array?.dropFirst().first?.string }
            #expect(heard == [key + ":wake:0", key + ":readers:wake:0"])
        }
    }

    @Test func `a writer that gives up lets the readers in`() async throws {
        try await withRedis { server, redis in
            let locks = ReadWriteLocks(redis)
            let held = try await locks.read("a", ttl: .seconds(600))
            let writer = Task { try await locks.write("a", wait: .seconds(120)) }
            try await eventually("the writer waits") { try server("ZCARD", key + ":writers") == 1 }
            let reader = Task { try await locks.read("a", ttl: .seconds(600), wait: .seconds(120)) }
            try await eventually("the reader waits") { try server.listeners(key + ":readers:wake:0") == 1 }
            writer.cancel()
            await #expect(throws: CancellationError.self) { try await writer.value }
            try await reader.value.release()
            try await held.release()
            let again = try await locks.read("a", ttl: .seconds(600))
            try await expectStillHeld(key) { try await locks.write("a", wait: .milliseconds(50)) }
            try await eventually("it no longer waits") { try server("EXISTS", key + ":writers") == 0 }
            try await again.release()
        }
    }

    @Test func `a waiting writer that died holds readers back for its own lease and no longer`() async throws {
        try await withRedis { server, redis in
            var clock = try ManualServerClock(server, redis)
            let keys = try CoordinationKeys(redis.configuration, naming: .standard).readWrite("a")
            func read(_ token: String) async throws -> Int64 {
                try await clock.evaluate(ReadWriteScripts.read, keys: keys.all, token, 3_600_000, LifeOfKeys.fence)
            }
            #expect(try await read("one") > 0)
            let refused = try await clock.evaluate(
                ReadWriteScripts.write, keys: keys.all, "two", 3_600_000, LifeOfKeys.fence, "dead", 600_000)
            #expect(refused == -3_600_002)
            #expect(try await read("three") == -600_002)
            try clock.advance(599_999)
            #expect(try await read("three") == -3)
            try clock.advance(1)
            #expect(try await read("three") > 0)
        }
    }

    @Test func `each reader's lease is its own`() async throws {
        try await withRedis { server, redis in
            let locks = ReadWriteLocks(redis)
            let long = try await locks.read("a", ttl: .seconds(600))
            let short = try await ReadWriteLocks(redis, renewal: .off).read("a", ttl: .milliseconds(200))
            #expect(await short.waitUntilLost() == .unconfirmed)
            #expect(try await locks.tryWrite("a") == nil)
            #expect(try await long.isHeld())
            #expect(try await long.release() == .released)
            // What is left of the short one is the margin that its holder does not trust.
            try await locks.write("a", wait: .seconds(120)).release()
        }
    }

    @Test func `a writer becomes a reader without anybody writing in between`() async throws {
        try await withRedis { server, redis in
            let locks = ReadWriteLocks(redis)
            let lease = try await locks.write("a", ttl: .seconds(600))
            let fence = lease.fencingToken
            let reader = Task { try await locks.read("a", ttl: .seconds(600), wait: .seconds(120)) }
            try await eventually("the reader waits") { try server.listeners(key + ":readers:wake:0") == 1 }
            try await lease.downgrade()
            #expect(try await reader.value.fencingToken == fence)
            #expect(lease.fencingToken == fence)
            #expect(try await locks.tryWrite("a") == nil)
            let trust = lease.trustedUntil
            lease.renewNow()
            try await eventually("renewed as a reader") { lease.trustedUntil > trust }
            try await lease.downgrade()
            #expect(try await lease.release() == .released)
            try await reader.value.release()
            await expectError(.lockNotHeld) { try await lease.downgrade() }
        }
    }

    @Test func `only leases of read-write locks can be downgraded`() async throws {
        try await withRedis { _, redis in
            let lease = try await Locks(redis).acquire("a")
            await expectError(.invalidArgument) { try await lease.downgrade() }
            try await lease.release()
        }
    }

    @Test func `a lost lease cancels the body`() async throws {
        try await withRedis { server, redis in
            let started = TestSignal()
            let work = Task {
                try await ReadWriteLocks(redis).withRead("a", ttl: .seconds(600)) { _ in
                    started.fire()
                    try await TestSignal("never").wait(within: .seconds(60))
                }
            }
            try await started.wait(within: .seconds(60))
            try server("FLUSHALL")
            let renewals = CoordinationEngine.of(redis).renewals
            try await eventually("the loss is known") {
                renewals.hurry()
                return renewals.count == 0
            }
            await expectError(.lockLost) { try await work.value }
        }
    }

    @Test func `after the server's clock went back nobody keeps a lease for the length of the jump`() async throws {
        try await withRedis { server, redis in
            let locks = ReadWriteLocks(redis)
            // As if written an hour from now, before the jump, by processes that are gone.
            let later = (try server("TIME").strings.first.flatMap { Int64($0) } ?? 0) * 1_000_000 + 3_600_000_000
            for (part, member) in [(":readers", "dead"), (":writers", "gone")] {
                try server("ZADD", key + part, "\(later + 300_000)", member)
                try server("PEXPIRE", key + part, "600000")
            }
            try server("HSET", key, "seen", "\(later)")
            try server("PEXPIRE", key, "600000")
            // 300 ms from now at most, where it would be an hour.
            let lease = try await locks.write("a", wait: .seconds(120))
            try await lease.release()
        }
    }

    @Test func `readers and writers of several processes never meet`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let readers = Occupancy()
                let writers = Occupancy()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for client in [redis, other] {
                        let locks = ReadWriteLocks(client)
                        for number in 0..<6 {
                            group.addTask {
                                for _ in 0..<15 {
                                    if number < 2 {
                                        try await locks.withWrite("a", wait: .seconds(600)) { _ in
                                            writers.enter()
                                            #expect(readers.now == 0)
                                            await Task.yield()
                                            #expect(readers.now == 0)
                                            writers.leave()
                                        }
                                    } else {
                                        try await locks.withRead("a", wait: .seconds(600)) { _ in
                                            readers.enter()
                                            #expect(writers.now == 0)
                                            await Task.yield()
                                            #expect(writers.now == 0)
                                            readers.leave()
                                        }
                                    }
                                }
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                #expect(writers.most == 1)
            }
        }
    }
}
