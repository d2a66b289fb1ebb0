import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T10: what the server sees of every lock operation, by MONITOR: all keys of a script call share a hash tag, the
/// script touches only keys it declares, and each leaves a time to live.
@Suite struct SlotLintTests {
    /// Scripts whose keys belong to several objects, with the reason why that is right.
    private static let exceptions: [String: String] = [
        LockScripts.renewMany.sha: "independent renewals; a router splits the call by slot",
        MultiLockScripts.acquire.sha: "locks of several names need one server, and say so",
        MultiLockScripts.renew.sha: "as above",
        MultiLockScripts.release.sha: "as above",
        MultiLockScripts.check.sha: "as above",
    ]

    @Test func `all keys of a script share a slot and are declared`() async throws {
        try await withRedis(.init(checksLeaks: true)) { server, redis in
            let audit = try await ScriptAudit.during(server, exceptions: Set(Self.exceptions.keys)) {
                try await everything(server, redis)
            }
            // The audit's channel is one for all locks.
            #expect(audit.violations.filter { !$0.hasSuffix(":lock:audit:0") } == [])
            let missing = Self.scripts.filter { !audit.shas.contains($0.sha) }.map(\.name)
            #expect(missing == [], "these scripts were not run: the lint says nothing about them")
        }
    }

    /// Every script of the locks.
    private static let scripts = [
        LockScripts.acquire, LockScripts.renew, LockScripts.renewMany, LockScripts.release, LockScripts.check,
        LockScripts.fencedSet, ReadWriteScripts.read, ReadWriteScripts.write, ReadWriteScripts.renew,
        ReadWriteScripts.release, ReadWriteScripts.check, ReadWriteScripts.downgrade, ReadWriteScripts.leave,
        FairScripts.acquire, FairScripts.release, MultiLockScripts.acquire, MultiLockScripts.renew,
        MultiLockScripts.release, MultiLockScripts.check, ForceScripts.release, ForceScripts.takeOver,
        ForceScripts.inspect, FairScripts.force, ReadWriteScripts.force, QuorumScripts.raise,
        FencedScript.setFields.script, FencedScript.delete.script,
    ]

    /// Runs each of them at least once.
    private func everything(_ server: RedisServer, _ redis: RedisClient) async throws {
        for locks in [Locks(redis), Locks(redis, keys: .plain(prefix: "lock"))] {
            let lease = try await locks.acquire("a:{tag}".replacing("{tag}", with: "b"), ttl: .seconds(2))
            try await lease.extend(by: .seconds(2))
            let trust = lease.trustedUntil
            try await eventually("renewed") { lease.trustedUntil > trust }
            _ = try await lease.isHeld()
            _ = try await lease.fencedSet("x", to: "stock:{7}", expiry: .seconds(60))
            _ = try await lease.fencedSet(fields: ["x": "y"], of: "shelf", expiry: .seconds(60))
            _ = try await lease.fencedDelete("shelf")
            _ = try await locks.inspect(lease.name)
            let taken = try await locks.takeOver(lease.name, by: "lint", reason: "")
            _ = try await locks.forceRelease(lease.name, by: "lint", reason: "")
            try await taken.release()
            try await lease.release()
        }
        let locks = Locks(redis)
        try await locks.acquire("z").release()
        let all = try await locks.acquire(all: ["x", "y"])
        try await all.extend(by: .seconds(9))
        _ = try await all.isHeld()
        try await all.release()

        let fair = try FairLocks(redis)
        let first = try await fair.acquire("q")
        await expectError(.lockNotAcquired) { try await fair.acquire("q", wait: .milliseconds(20)) }
        try await first.release()

        let shared = ReadWriteLocks(redis)
        let writer = try await shared.write("r")
        try await writer.extend(by: .seconds(9))
        try await writer.downgrade()
        _ = try await writer.isHeld()
        await expectError(.lockNotAcquired) { try await shared.write("r", wait: .milliseconds(20)) }
        try await eventually("it left") { try server("EXISTS", "signalbox:rw:{r}:writers") == 0 }
        try await shared.read("r").release()
        try await writer.release()
        _ = try await fair.forceRelease("q", by: "lint", reason: "")
        _ = try await shared.forceRelease("r", by: "lint", reason: "")

        let keys = try CoordinationKeys(redis.configuration, naming: .standard).quorum("n")
        let _: Int = try await redis.evaluate(
            QuorumScripts.raise, keys: [RedisKey(keys.lock), RedisKey(keys.fence)], arguments: ["t", 1, 1_000])
    }
}
