import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct MultiLockTests {
    private func key(_ name: String) -> String { "signalbox:lock:{\(name)}" }

    @Test func `all or nothing, and each excludes single locks of its name`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let single = try await locks.acquire("b")
            #expect(try await locks.tryAcquire(all: ["a", "b", "c"]) == nil)
            #expect(try server("EXISTS", key("a"), key("c")) == 0)
            try await single.release()
            let all = try #require(try await locks.tryAcquire(all: ["c", "a", "b", "a"]))
            for name in ["a", "b", "c"] { #expect(try await locks.tryAcquire(name) == nil) }
            #expect(all.isTrusted)
            #expect(try await all.isHeld())
            #expect(try await all.release() == .released)
            #expect(try server("EXISTS", key("a"), key("b"), key("c")) == 0)
        }
    }

    @Test func `its fence is larger than that of every earlier holder, and smaller than that of later ones`()
        async throws
    {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            try await locks.acquire("b").release()
            let future = 9_000_000_000_000_001
            try server("HSET", key("b") + ":fence", "last", "\(future)")
            let all = try await locks.acquire(all: ["a", "b"])
            #expect(all.fencingToken == Int64(future) + 1)
            try await all.release()
            let single = try await locks.acquire("a")
            #expect(single.fencingToken == Int64(future) + 2)
            try await single.release()
        }
    }

    @Test func `a waiter moves from the lock that was freed to the one that is still held`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let a = try await Locks(other).acquire("a", ttl: .seconds(600))
                let b = try await Locks(other).acquire("b", ttl: .seconds(600))
                let waiter = Task {
                    try await Locks(redis).acquire(all: ["a", "b"], ttl: .seconds(600), wait: .seconds(60))
                }
                try await eventually("it waits for the first") { try server.listeners(key("a") + ":wake:0") == 1 }
                try await a.release()
                try await eventually("it waits for the second") { try server.listeners(key("b") + ":wake:0") == 1 }
                #expect(try server("EXISTS", key("a")) == 0, "it holds nothing while it waits")
                try await b.release()
                try await waiter.value.release()
            }
        }
    }

    @Test func `opposite orders of names do not deadlock`() async throws {
        try await withRedis { server, redis in
            try await withClient(server.configuration) { other in
                let inside = Occupancy()
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (client, names) in [(redis, ["a", "b", "c"]), (other, ["c", "b", "a"]), (redis, ["b", "d"])] {
                        for _ in 0..<2 {
                            group.addTask {
                                for _ in 0..<15 {
                                    try await Locks(client).withLocks(names, wait: .seconds(600)) { _ in
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
                #expect(inside.most == 1, "all of them want b")
            }
        }
    }

    @Test func `one lock that is gone ends the lease, and the others are given back`() async throws {
        try await withRedis { server, redis in
            let all = try await Locks(redis).acquire(all: ["a", "b", "c"], ttl: .seconds(600))
            try server("SET", key("b"), "somebody else", "PX", "600000")
            #expect(try await all.lossByRenewal() == .takenOver)
            try await eventually("given back") { try server("EXISTS", key("a"), key("c")) == 0 }
            #expect(try await all.release() == .notOwner)
            #expect(try server("GET", key("b")) == "somebody else")
        }
    }

    @Test func `a renewal keeps all of them`() async throws {
        try await withRedis { server, redis in
            let all = try await Locks(redis).acquire(all: ["a", "b"], ttl: .seconds(600))
            let trust = all.trustedUntil
            for name in ["a", "b"] { try server("PEXPIRE", key(name), "60000") }
            try await eventually("both are renewed") {
                all.renewNow()
                let left = try ["a", "b"].map { try server("PTTL", key($0)).int ?? 0 }
                return all.trustedUntil > trust && left.allSatisfy { $0 > 300_000 }
            }
            #expect(try await all.release() == .released)
        }
    }

    @Test func `the wait ends, and no name or too many are refused`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis)
            let held = try await locks.acquire("b")
            try await expectStillHeld(key("b")) {
                try await locks.acquire(all: ["a", "b"], wait: .milliseconds(50))
            }
            await expectError(.lockNotAcquired) { try await locks.acquire(all: ["a", "b"], wait: .zero) }
            await expectError(.invalidArgument) { try await locks.acquire(all: []) }
            await expectError(.invalidArgument) { try await locks.acquire(all: (0..<101).map { "n\($0)" }) }
            await expectError(.invalidArgument) { try await locks.acquire(all: ["a"], wait: .seconds(-1)) }
            try await held.release()
        }
    }
}
