import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct LockWaitTests {
    private let channel = "signalbox:lock:{a}:wake:0"

    @Test func `a release wakes the waiter`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let first = try await locks.acquire("a", ttl: .seconds(600))
            let waiter = Task { try await locks.acquire("a", ttl: .seconds(600), wait: .seconds(120)) }
            try await eventually("the waiter listens") { try server.listeners(channel) == 1 }
            try await first.release()
            try await waiter.value.release()
        }
    }

    @Test func `a waiter does not poll`() async throws {
        try await withRedis { server, redis in
            try server.load(LockScripts.acquire, LockScripts.release)
            let locks = Locks(redis)
            let first = try await locks.acquire("a", ttl: .seconds(600))
            let waiter = Task { try await locks.acquire("a", wait: .seconds(120)) }
            // The holder's request, the waiter's own, and the one after its subscription.
            try await eventually("the waiter has settled") {
                try server.listeners(channel) == 1 && server.calls(of: "evalsha") >= 3
            }
            // It asks every five seconds all the same: a look that meets that is repeated.
            try await eventually("nothing is asked for a while") {
                try server("CONFIG", "RESETSTAT")
                // A stretch of time in which a polling waiter would have asked many times.
                for _ in 0..<50 { try server("DEBUG", "SLEEP", "0.005") }
                return try server.calls(of: "evalsha") == 0
            }
            try await first.release()
            try await waiter.value.release()
        }
    }

    @Test func `waiters of one process are served in order of arrival and one message wakes one`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let order = Notes<Int>()
            let first = try await locks.acquire("a", ttl: .seconds(600))
            var waiters: [Task<Void, any Error>] = []
            for number in 0..<10 {
                waiters.append(
                    Task {
                        try await locks.withLock("a", wait: .seconds(600)) { _ in order.add(number) }
                    })
                try await eventually("waiter \(number) is in line") {
                    locks.engine.waits.waiting(on: channel) == number + 1
                }
            }
            try server("CONFIG", "RESETSTAT")
            try await first.release()
            for waiter in waiters { try await waiter.value }
            #expect(order.all == Array(0..<10))
            // Ten acquisitions, eleven releases, and one request for every five seconds that it takes; a herd would
            // have made 45 more.
            #expect(try server.calls(of: "evalsha") <= 50)
        }
    }

    @Test func `a wait that is over throws and leaves nothing`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let first = try await locks.acquire("a")
            await expectError(.lockNotAcquired) { try await locks.acquire("a", wait: .zero) }
            try await expectStillHeld("signalbox:lock:{a}") {
                try await locks.acquire("a", wait: .milliseconds(50))
            }
            #expect(locks.engine.waits.waiting(on: channel) == 0)
            try await first.release()
            #expect(try server("EXISTS", "signalbox:lock:{a}") == 0)
        }
    }

    @Test func `a cancelled wait throws CancellationError and leaves nothing`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let first = try await locks.acquire("a")
            let waiter = Task { try await locks.acquire("a") }
            try await eventually("the waiter listens") { try server.listeners(channel) == 1 }
            waiter.cancel()
            await #expect(throws: CancellationError.self) { try await waiter.value }
            try await eventually("unsubscribed") { try server.listeners(channel) == 0 }
            try await first.release()
        }
    }

    @Test func `whatever races with a cancellation, the lock is free afterwards`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            for round in 0..<200 {
                let first = try await locks.acquire("a")
                let waiter = Task { try await locks.acquire("a") }
                try await eventually("in line") { locks.engine.waits.waiting(on: channel) == 1 }
                let releaser = Task { try await first.release() }
                if round.isMultiple(of: 2) { await Task.yield() }
                waiter.cancel()
                _ = try await releaser.value
                if case .success(let lease) = await waiter.result { try await lease.release() }
            }
            try await eventually("free") { try server("EXISTS", "signalbox:lock:{a}") == 0 }
        }
    }

    @Test func `a late grant after a cancellation is given back`() async throws {
        try await withRedis { server, _ in
            try server.load(LockScripts.acquire, LockScripts.release)
            try await withFaultProxy(to: server.tcp) { proxy in
                try await withClient(proxy.configuration) { redis in
                    let locks = Locks(redis)
                    try await locks.acquire("warm").release()
                    proxy.set(.loseReplies)
                    let waiter = Task { try await locks.acquire("a", ttl: .seconds(600)) }
                    try await eventually("granted, and the reply lost") {
                        try server("EXISTS", "signalbox:lock:{a}") == 1
                    }
                    waiter.cancel()
                    await #expect(throws: CancellationError.self) { try await waiter.value }
                    try await eventually("granted and given back") {
                        try server("EXISTS", "signalbox:lock:{a}:fence") == 1
                            && server("EXISTS", "signalbox:lock:{a}") == 0
                    }
                    proxy.set(.pass)
                    proxy.cut()
                }
            }
        }
    }

    @Test func `processes exclude each other under contention`() async throws {
        try await withRedis { server, redis in
            let inside = Occupancy()
            try await withClient(server.configuration) { other in
                try await withClient(server.tcpConfiguration) { third in
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for client in [redis, other, third] {
                            for _ in 0..<4 {
                                group.addTask {
                                    for _ in 0..<20 {
                                        try await Locks(client).withLock("a", wait: .seconds(600)) { _ in
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
                }
            }
            #expect(inside.most == 1)
        }
    }

    @Test func `tryAcquireWithRetry gets the lock when it is freed and nil when it is not`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let first = try await locks.acquire("a")
            #expect(try await locks.tryAcquireWithRetry("a", maxRetries: 2, delay: .milliseconds(1)) == nil)
            let retrying = Task {
                try await locks.tryAcquireWithRetry("a", maxRetries: 100_000, delay: .milliseconds(1))
            }
            try server("CONFIG", "RESETSTAT")
            try await eventually("it tried") { try server.calls(of: "evalsha") > 2 }
            try await first.release()
            let second = try #require(try await retrying.value)
            try await second.release()
        }
    }
}
