import Foundation
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Coordination

@Suite struct ForceTests {
    private let key = "signalbox:lock:{a}"
    private let audit = "signalbox:lock:audit:0"

    private struct Event: Decodable, Equatable {
        let event: String
        let name: String
        let key: String
        let by: String
        let reason: String
        let at: Int64
        let previousHolder: String?
        let previousFence: Int64?
        let fence: Int64?
    }

    private func heard(_ ear: RespClient) throws -> Event {
        let text = try #require(try ear.receive().array?.last?.string)
        return try JSONDecoder().decode(Event.self, from: Data(text.utf8))
    }

    @Test func `an administrator frees a lock, wakes a waiter and leaves an audit event`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", audit)
            let held = try await locks.acquire("a", ttl: .seconds(600))
            let waiter = Task { try await locks.acquire("a", wait: .seconds(60)) }
            try await eventually("the waiter listens") { try server.listeners(key + ":wake:0") == 1 }
            let prefix = String(held.core.token.text.prefix(8))
            let answer = try await locks.forceRelease("a", by: "ann", reason: "\"stuck\" since\n9")
            #expect(
                answer == ForcedRelease(name: "a", previousHolder: prefix, previousFence: held.fencingToken, readers: 0)
            )
            let next = try await waiter.value
            #expect(next.fencingToken > held.fencingToken)
            let event = try heard(ear)
            #expect(
                event
                    == Event(
                        event: "released", name: "a", key: key, by: "ann", reason: "\"stuck\" since\n9", at: event.at,
                        previousHolder: prefix, previousFence: held.fencingToken, fence: nil))
            #expect((held.fencingToken..<next.fencingToken + 1).contains(event.at))
            #expect(try await held.isHeld() == false)
            #expect(held.loss == .takenOver)
            try await next.release()
            #expect(try await locks.forceRelease("a", by: "ann", reason: "") == nil)
        }
    }

    @Test func `a repeated take-over takes nothing from who came after it`() async throws {
        try await withRedis { server, redis in
            let takeOver = { () -> Int in
                try await redis.evaluate(
                    ForceScripts.takeOver, keys: [RedisKey(key), RedisKey(key + ":fence")],
                    arguments: ["token", 600_000, audit, "a", "ann", "", 600_000])
            }
            let fence = try await takeOver()
            #expect(try await takeOver() == fence)
            let newer = try await Locks(redis).takeOver("a", by: "bob", reason: "")
            #expect(newer.fencingToken > Int64(fence))
            try server("HSET", key + ":fence", "forced", "token")
            #expect(try await takeOver() == -1)
            #expect(try await newer.isHeld())
            try await newer.release()
        }
    }

    @Test func `keys that are no locks are passed over in a list`() async throws {
        try await withRedis { server, redis in
            for name in ["{%41}", "{}", "{a", "a}"] { try server("SET", "signalbox:lock:\(name)", "x", "PX", "60000") }
            let lease = try await Locks(redis).acquire("A")
            var names: [String] = []
            for try await lock in Locks(redis).list() { names.append(lock.name) }
            #expect(names == ["A"])
            for name in ["a}b", ""] { try server("SET", "lock:\(name)", "x", "PX", "60000") }
            for try await lock in Locks(redis, keys: .plain(prefix: "lock")).list() { names.append(lock.name) }
            #expect(names == ["A"])
            try await lease.release()
        }
    }

    @Test func `texts that only Unicode takes for the same are two locks`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let both = try await locks.acquire(all: ["caf\u{e9}", "cafe\u{301}"])
            #expect(try await locks.tryAcquire("caf\u{e9}") == nil)
            #expect(try await locks.tryAcquire("cafe\u{301}") == nil)
            try await both.release()
            let held = try await locks.acquire("caf\u{e9}")
            let waiter = Task { try await locks.acquire("caf\u{e9}", wait: .seconds(60)) }
            try await eventually("it waits") {
                CoordinationEngine.of(redis).waits.isBusy("signalbox:lock:{caf\u{e9}}:wake:0")
            }
            // Does not stand in the other's line.
            let other = try await locks.acquire("cafe\u{301}", wait: .seconds(30))
            let second = Task { try await locks.acquire("cafe\u{301}", wait: .seconds(60)) }
            try await eventually("each is listened for") {
                try server.listeners("signalbox:lock:{caf\u{e9}}:wake:0") == 1
                    && server.listeners("signalbox:lock:{cafe\u{301}}:wake:0") == 1
            }
            try await other.release()
            try await second.value.release()
            try await held.release()
            try await waiter.value.release()
        }
    }

    @Test func `a task that waits for a loss goes on when the last handle is dropped`() async throws {
        try await withRedis { _, redis in
            var kept: Lease? = try await Locks(redis).acquire("a", ttl: .seconds(600)).retain()
            let loss = Task { [lease = try #require(kept)] in lease.core }
            let core = await loss.value
            let told = Task { await LossWait(core).value() }
            try await eventually("it listens") { core.inner.withLock { !$0.listeners.isEmpty } }
            kept = nil
            #expect(await told.value == nil)
        }
    }

    @Test func `a fair lock is freed for the head of its queue`() async throws {
        try await withRedis { server, redis in
            let locks = try FairLocks(redis)
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", audit)
            let held = try await locks.acquire("a", ttl: .seconds(600))
            let waiter = Task { try await locks.acquire("a", wait: .seconds(60)) }
            try await eventually("the waiter is in the queue") { try server("ZCARD", "signalbox:fair:{a}:queue") == 1 }
            let answer = try await locks.forceRelease("a", by: "ann", reason: "hung")
            #expect(answer?.previousFence == held.fencingToken)
            #expect(answer?.previousHolder == String(held.core.token.text.prefix(8)))
            let next = try await waiter.value
            #expect(next.fencingToken > held.fencingToken)
            #expect(try heard(ear).key == "signalbox:fair:{a}")
            #expect(try await held.isHeld() == false)
            try await next.release()
            #expect(try await locks.forceRelease("a", by: "ann", reason: "") == nil)
        }
    }

    @Test func `a read-write lock is taken from its writer, or from all its readers`() async throws {
        try await withRedis { server, redis in
            let locks = ReadWriteLocks(redis)
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", audit)
            let writer = try await locks.write("a", ttl: .seconds(600))
            let waiting = Task { try await locks.read("a", wait: .seconds(60)) }
            try await eventually("the reader listens") {
                try server.listeners("signalbox:rw:{a}:readers:wake:0") == 1
            }
            let first = try await locks.forceRelease("a", by: "ann", reason: "hung")
            #expect(first?.previousFence == writer.fencingToken)
            #expect(first?.readers == 0)
            #expect(try heard(ear).previousHolder == String(writer.core.token.text.prefix(8)))
            #expect(try await writer.isHeld() == false)
            let readers = [try await waiting.value, try await locks.read("a", ttl: .seconds(600))]
            let second = try await locks.forceRelease("a", by: "ann", reason: "hung")
            #expect(second?.previousHolder == nil)
            #expect(second?.readers == 2)
            #expect(try heard(ear).previousHolder == nil)
            for reader in readers { #expect(try await reader.isHeld() == false) }
            let next = try await locks.write("a")
            #expect(next.fencingToken > writer.fencingToken)
            try await next.release()
            #expect(try await locks.forceRelease("a", by: "ann", reason: "") == nil)
        }
    }

    @Test func `a take-over gets a larger fence, and the old holder's fenced write is refused`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let ear = try server.connect(timeout: .seconds(30))
            try ear("SUBSCRIBE", audit)
            let old = try await locks.acquire("a", ttl: .seconds(600))
            let new = try await locks.takeOver("a", by: "ann", reason: "hung")
            #expect(new.fencingToken > old.fencingToken)
            let event = try heard(ear)
            #expect(event.event == "takenOver")
            #expect(event.fence == new.fencingToken)
            #expect(event.previousFence == old.fencingToken)
            #expect(try await new.fencedSet("new", to: "stock", expiry: .seconds(60)))
            #expect(try await old.fencedSet("old", to: "stock", expiry: .seconds(60)) == false)
            #expect(try await old.release() == .notOwner)
            #expect(try await new.release() == .released)
            let free = try await locks.takeOver("a", by: "ann", reason: "hung")
            #expect(try heard(ear).previousHolder == nil)
            try await free.release()
        }
    }

    @Test func `a holder that has renewed once hears of the end at once, not at its next renewal`() async throws {
        try await withRedis { server, redis in
            let held = try await Locks(redis).acquire("a", ttl: .seconds(3_600))
            let trust = held.trustedUntil
            held.renewNow()
            // From here on the next renewal is minutes away.
            try await eventually("renewed") { held.trustedUntil > trust }
            try await eventually("its client listens") { try server.listeners(audit) == 1 }
            try await withClient(server.configuration) { other in
                try await Locks(other).forceRelease("a", by: "ann", reason: "test")
            }
            #expect(await held.waitUntilLost() == .expired)
            try await eventually("it no longer listens") { try server.listeners(audit) == 0 }
        }
    }

    @Test func `a short hold costs no subscription`() async throws {
        try await withRedis { server, redis in
            try await Locks(redis).withLock("a", ttl: .seconds(600)) { _ in
                let listeners = try server.listeners(audit)
                #expect(listeners == 0)
            }
            #expect(try server.calls(of: "subscribe") == 0)
        }
    }

    @Test func `who and why have limits`() async throws {
        try await withRedis { _, redis in
            let locks = Locks(redis)
            await expectError(.invalidArgument) { try await locks.forceRelease("a", by: "", reason: "x") }
            await expectError(.invalidArgument) {
                try await locks.takeOver("a", by: "ann", reason: String(repeating: "x", count: 1_025))
            }
        }
    }

    @Test func `inspect tells holder, time left, fence and waiters`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let none = try await locks.inspect("a")
            #expect(
                none
                    == LockState(
                        name: "a", key: key, holder: nil, millisecondsLeft: nil, fencingToken: nil, waitingClients: 0))
            let held = try await locks.acquire("a", ttl: .seconds(600))
            let waiter = Task { try await locks.acquire("a", wait: .seconds(60)) }
            try await eventually("the waiter listens") { try server.listeners(key + ":wake:0") == 1 }
            let state = try await locks.inspect("a")
            #expect(state.holder == String(held.core.token.text.prefix(8)))
            #expect((300_000...600_000).contains(state.millisecondsLeft ?? 0))
            #expect(state.fencingToken == held.fencingToken)
            #expect(state.waitingClients == 1)
            try await held.release()
            try await waiter.value.release()
            #expect(try await locks.inspect("a").isHeld == false)
        }
    }

    @Test func `list finds held locks by pattern and gives their names back as they were`() async throws {
        try await withRedis { server, redis in
            let locks = Locks(redis)
            let names = ["user:1", "user:*", "{user:2}", "100%", "order:1"]
            var leases: [Lease] = []
            for name in names { leases.append(try await locks.acquire(name)) }
            try await locks.acquire("user:gone").release()
            var other = server.configuration
            other.prefix = "signal*"
            try await withClient(other) { redis in
                let lease = try await Locks(redis).acquire("user:elsewhere")
                #expect(try await collect(Locks(redis).list()) == ["user:elsewhere"])
                try await lease.release()
            }
            #expect(try await collect(locks.list()) == Set(names))
            #expect(try await collect(locks.list(matching: "user:*")) == ["user:1", "user:*"])
            #expect(try await collect(locks.list(matching: "user:\\*")) == ["user:*"])
            #expect(try await collect(locks.list(matching: "{user:?}")) == ["{user:2}"])
            #expect(try await collect(locks.list(matching: "100%")) == ["100%"])
            #expect(try await collect(locks.list(matching: "user:[1-3]")) == ["user:1"])
            for lease in leases { try await lease.release() }
            let plain = Locks(redis, keys: .plain(prefix: "lock"))
            let lease = try await plain.acquire("x{y".replacing("{", with: "-"))
            #expect(try await collect(plain.list(matching: "x*")) == ["x-y"])
            try await lease.release()
        }
    }

    private func collect(_ list: LockList) async throws -> Set<String> {
        var names: Set<String> = []
        for try await state in list {
            #expect(state.isHeld)
            names.insert(state.name)
        }
        return names
    }
}
