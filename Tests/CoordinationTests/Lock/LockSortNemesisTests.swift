import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T2 for every sort of lock: after each fault the waiter gets it, and nothing without a time to live is left.
@Suite struct LockSortNemesisTests {
    /// A fault while one holds and a rival waits; afterwards both end well, in whatever order.
    private func survive(
        _ sort: LockSort, persistent: Bool = false, ttl: Duration = .seconds(600),
        _ fault: (RedisServer, Lease) async throws -> Void
    ) async throws {
        try await withRedis(.init(persistent: persistent, checksLeaks: true)) { server, redis in
            try await withClient(server.configuration) { other in
                let held = try await sort.acquire(redis, ttl: ttl)
                let waiter = Task { try await sort.rival(other, ttl: ttl) }
                try await eventually("the rival listens") {
                    try server("PUBSUB", "CHANNELS", sort.channels).array?.isEmpty == false
                }
                try await fault(server, held)
                let outcome = try await held.release()
                let next = try await waiter.value
                #expect(next.isTrusted)
                if held.loss == nil { #expect(outcome == .released) }
                #expect(try await next.release() == .released)
                let last = try await sort.rival(redis, ttl: ttl)
                #expect(last.fencingToken > next.fencingToken)
                try await last.release()
                #expect(LockSort.leftovers(try server("KEYS", "*").strings) == [])
            }
        }
    }

    @Test(arguments: LockSort.allCases)
    func `the server is killed and forgets everything`(sort: LockSort) async throws {
        try await survive(sort) { server, lease in
            try await server.restart()
            let loss = await lease.waitUntilLost()
            #expect(loss == .expired || loss == .takenOver)
        }
    }

    @Test(arguments: LockSort.allCases)
    func `the server is killed and remembers`(sort: LockSort) async throws {
        try await survive(sort, persistent: true) { server, lease in
            try await server.restart()
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
            #expect(lease.loss == nil)
        }
    }

    @Test(arguments: LockSort.allCases)
    func `the data is flushed`(sort: LockSort) async throws {
        try await survive(sort, ttl: .seconds(2)) { server, lease in
            try server("FLUSHALL")
            let loss = await lease.waitUntilLost()
            #expect(loss == .expired || loss == .takenOver)
        }
    }

    @Test(arguments: LockSort.allCases)
    func `the scripts are flushed`(sort: LockSort) async throws {
        try await survive(sort, ttl: .seconds(3)) { server, lease in
            try server("SCRIPT", "FLUSH")
            let trust = lease.trustedUntil
            try await eventually("renewed with the source") { lease.trustedUntil > trust + .milliseconds(100) }
        }
    }

    @Test(arguments: LockSort.allCases)
    func `connections are killed`(sort: LockSort) async throws {
        try await survive(sort) { server, lease in
            for type in ["normal", "pubsub"] { try server("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes") }
            let isHeld = try await lease.isHeld()
            #expect(isHeld)
        }
    }

    @Test(arguments: LockSort.allCases)
    func `the server is stopped for longer than the time to live`(sort: LockSort) async throws {
        try await survive(sort, ttl: .milliseconds(600)) { server, lease in
            server.pause()
            #expect(await lease.waitUntilLost() == .unconfirmed)
            server.resume()
        }
    }

    /// Under `noeviction`: what is held is renewed and can be released; what is asked for is granted or an error, never
    /// "held by somebody else".
    @Test(arguments: LockSort.allCases)
    func `the server is out of memory`(sort: LockSort) async throws {
        try await withRedis { server, redis in
            let held = try await sort.acquire(redis, ttl: .seconds(2))
            let trust = held.trustedUntil
            try server("CONFIG", "SET", "maxmemory", "1")
            try await eventually("renewed") { held.trustedUntil > trust + .milliseconds(100) }
            #expect(try await held.release() == .released)
            do {
                let next = try await sort.acquire(redis, ttl: .seconds(600), wait: .zero)
                #expect(try await next.isHeld())
                try await next.release()
            } catch let error as CoordinationError {
                #expect(error.code == .unavailable)
                #expect((error.underlying as? RedisError)?.code == .outOfMemory)
            }
            try server("CONFIG", "SET", "maxmemory", "0")
            try await sort.acquire(redis, ttl: .seconds(600)).release()
            #expect(LockSort.leftovers(try server("KEYS", "*").strings) == [])
        }
    }
}
