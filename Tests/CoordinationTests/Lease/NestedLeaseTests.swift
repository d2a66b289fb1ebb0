import RedisCore
import TestSupport
import Testing

@testable import Coordination

@Suite struct NestedLeaseTests {
    private let key = "signalbox:lock:{a}"

    @Test func `the lock is released by the last handle`() async throws {
        try await withRedis { server, redis in
            let outer = try await Locks(redis).acquire("a", ttl: .seconds(600))
            let inner = try outer.retain()
            let innermost = try inner.retain()
            #expect(inner.fencingToken == outer.fencingToken)
            try server("CONFIG", "RESETSTAT")
            #expect(try await outer.release() == .retained)
            #expect(try await outer.release() == .retained, "a handle counts once")
            #expect(try await inner.release() == .retained)
            #expect(try server.calls(of: "evalsha") + server.calls(of: "eval") == 0)
            #expect(!outer.isTrusted && !inner.isTrusted && innermost.isTrusted)
            #expect(try await outer.isHeld() == false)
            await expectError(.lockNotHeld) { try outer.checkValid() }
            await expectError(.lockNotHeld) { try await outer.extend(by: .seconds(9)) }
            #expect(throws: CoordinationError.self) { try outer.retain() }
            #expect(try await innermost.release() == .released)
            #expect(try server("EXISTS", key) == 0)
            #expect(try await outer.release() == .released, "it tells what became of the lock")
        }
    }

    @Test func `a nested body holds the lock until it ends, whatever the outer one does`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let (started, goOn) = (TestSignal("started"), TestSignal("go on"))
            let nested = try await locks.withLock("a") { lease in
                let nested = Task {
                    try await lease.nested { handle in
                        started.fire()
                        try await goOn.wait(within: .seconds(60))
                        try handle.checkValid()
                        return handle.fencingToken
                    }
                }
                try await started.wait(within: .seconds(60))
                return nested
            }
            #expect(try server("EXISTS", key) == 1)
            #expect(try await locks.tryAcquire("a") == nil)
            goOn.fire()
            #expect(try await nested.value > 0)
            #expect(try server("EXISTS", key) == 0)
        }
    }

    @Test func `a loss reaches every handle`() async throws {
        try await withRedis { server, redis in
            let outer = try await Locks(redis).acquire("a", ttl: .seconds(600))
            let inner = try outer.retain()
            let work = Task {
                try await inner.nested { _ in try await TestSignal("never").wait(within: .seconds(60)) }
            }
            try server("DEL", key)
            #expect(try await outer.lossByRenewal() == .expired)
            #expect(inner.loss == .expired)
            await expectError(.lockLost) { try await work.value }
            await expectError(.lockLost) { try outer.retain() }
            #expect(try await inner.release() == .retained)
            #expect(try await outer.release() == .expired)
        }
    }

    @Test func `a handle that is dropped does not end the lease of the others`() async throws {
        try await withRedis { server, redis in
            let outer = try await Locks(redis).acquire("a", ttl: .seconds(600))
            do {
                let inner = try outer.retain()
                #expect(inner.isTrusted)
            }
            let trust = outer.trustedUntil
            outer.renewNow()
            try await eventually("still renewed") { outer.trustedUntil > trust }
            #expect(try await outer.release() == .released)
        }
    }

    /// Against a plain count: whoever gives back last is told so, once.
    @Test(arguments: 0..<10)
    func `exactly one handle is the last`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var handles = LeaseHandles()
        var count = 1
        while count > 0 {
            if Int.random(in: 0..<3, using: &random) == 0 {
                #expect(handles.retain() == true)
                count += 1
            } else {
                count -= 1
                #expect(handles.close() == (count == 0))
            }
            #expect(handles.open == count)
        }
        #expect(handles.retain() == false)
    }
}
