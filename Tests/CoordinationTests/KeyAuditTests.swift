import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T9 and T10 for what this folder's later parts write: every key has a time to live and a documented name, and every
/// script touches only keys that it declares, all in one slot.
@Suite struct KeyAuditTests {
    /// As `docs/keys.md` lists them, for the name `a`.
    private static let documented: Set<String> = [
        "signalbox:sem:{a}", "signalbox:sem:{a}:info", "signalbox:sem:{a}:queue", "signalbox:sem:{a}:waiters",
        "signalbox:leader:{a}", "signalbox:leader:{a}:term", "signalbox:leader:{a}:bar:me",
        "signalbox:latch:{a}", "signalbox:barrier:{a}", "signalbox:once:{a}", "signalbox:once:{a}:pending",
        "signalbox:once:{b}", "signalbox:once:{c}", "signalbox:idem:{a}",
    ]

    @Test func `every key is documented and mortal, and scripts stay in their slot`() async throws {
        try await withRedis { server, redis in
            let audit = try await ScriptAudit.during(server) { try await useEverything(redis) }
            #expect(audit.violations == [])
            #expect(audit.scripts > 20)
            #expect(audit.commands.isDisjoint(with: ["KEYS", "FLUSHALL", "FLUSHDB"]))
            let unknown = audit.keys.subtracting(Self.documented)
            #expect(unknown == [])
            #expect(Self.documented.subtracting(audit.keys) == [], "documented, and never written")
            #expect(try server.keysWithoutTTL() == [])
        }
    }

    private func useEverything(_ redis: RedisClient) async throws {
        for fair in [false, true] {
            let semaphores = Semaphores(redis, fair: fair)
            let lease = try await semaphores.acquire("a", limit: 2, permits: 2)
            _ = try await semaphores.tryAcquire("a", limit: 2)
            _ = try? await semaphores.acquire("a", limit: 2, wait: .milliseconds(20))
            try await lease.extend(by: .seconds(10))
            _ = try await lease.isHeld()
            _ = try await semaphores.inspect("a")
            try await lease.release()
        }
        let leads = TestSignal()
        let election = try LeaderElection(redis, name: "a", id: "me") { _ in
            leads.fire()
            try await TestSignal("never").wait(within: .seconds(60))
        }
        let run = Task { try await election.run() }
        try await leads.wait()
        _ = try await Elections(redis).forceResignation("a")
        run.cancel()
        _ = await run.result
        let latch = try CountDownLatch(redis, name: "a", count: 1)
        try await latch.countDown(as: "x")
        try await latch.wait()
        try await Barrier(redis, name: "a", count: 1).arrive(as: "x", within: .seconds(1))
        _ = try? await Barrier(redis, name: "a", count: 1).arrive(as: "y", within: .seconds(1))
        let tasks = TaskCoordinator(redis)
        _ = try await tasks.debounce("a", payload: 1, quiet: .milliseconds(1)) { payload, _ in payload }
        _ = try await tasks.dedupe("b", mode: .throttle(.seconds(60))) { _ in 1 }
        _ = try await tasks.once("c") { 1 }
        _ = try await tasks.inspect("b")
        _ = try await tasks.release("b")
        _ = try await tasks.forget("c")
        let print = RequestFingerprint(method: "GET", path: "/", body: [])
        _ = try await Idempotency(RedisIdempotencyStore(redis)).run(key: "a", print) { StoredResponse(status: 200) }
    }
}
