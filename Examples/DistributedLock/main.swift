// A lock over processes: taken with a time limit, kept alive while its holder works, lost with notice, and fenced.
//
//     swift run DistributedLock
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Coordination
import EmbeddedRedis
import Foundation
import RedisCore

/// One holder at a time; the other waits for a while, is told, and gets in when the first one is gone.
func takingTurns(_ here: Locks, _ there: Locks) async throws {
    let lease = try await here.acquire("report", ttl: .seconds(10), wait: .seconds(5))
    print("taken: \(lease.isTrusted)")
    do {
        _ = try await there.acquire("report", ttl: .seconds(10), wait: .milliseconds(20))
        print("taken twice")
    } catch let error as CoordinationError where error.code == .lockNotAcquired {
        print("somebody else has it")
    }
    print("released: \(try await lease.release()), again: \(try await lease.release())")
    let next = try await there.acquire("report", ttl: .seconds(10), wait: .seconds(5))
    print("then the other has it, with a greater fencing token: \(next.fencingToken > lease.fencingToken)")
    try await next.release()
}

/// The lock is given back however the body ends.
func withLock(_ locks: Locks, _ redis: RedisClient) async throws {
    struct OutOfPaper: Error {}
    let pages = try await locks.withLock("printer", ttl: .seconds(10), wait: .seconds(5)) { _ in 12 }
    do {
        try await locks.withLock("printer", ttl: .seconds(10)) { _ in throw OutOfPaper() }
    } catch is OutOfPaper {
        print("printed \(pages) pages, then out of paper; still held: \(try await locks.inspect("printer").isHeld)")
    }
}

/// A lock of 300 ms is renewed while the process lives, and longer only on request.
func keptAlive(_ redis: RedisClient) async throws {
    let renewed = try await Locks(redis).acquire("import", ttl: .milliseconds(300))
    let trusted = renewed.trustedUntil
    while renewed.trustedUntil <= trusted { try await Task.sleep(for: .milliseconds(10)) }
    print("renewed by itself: \(renewed.isTrusted)")
    try await renewed.release()

    let fixed = try await Locks(redis, renewal: .off).acquire("export", ttl: .milliseconds(500))
    let end = fixed.trustedUntil
    try await fixed.extend(by: .seconds(30))
    print("extended by its holder: \(fixed.trustedUntil > end)")
    try await fixed.release()
}

/// Whoever loses a lock hears of it, its work is cancelled, and what it writes too late is refused.
func lost(_ here: Locks, _ there: Locks) async throws {
    let stale = try await here.acquire("account:7", ttl: .milliseconds(300))
    // An administrator takes the lock away; so would an end of the lease during a long pause of the process.
    let fresh = try await there.takeOver("account:7", ttl: .seconds(10), by: "example", reason: "the holder hangs")
    print("lost: \(await stale.waitUntilLost().map { "\($0)" } ?? "not at all")")
    print("the new holder writes: \(try await fresh.fencedSet("100", to: "example:balance", expiry: .seconds(60)))")
    print("the old holder writes: \(try await stale.fencedSet("90", to: "example:balance", expiry: .seconds(60)))")
    try await fresh.release()

    let body = Task {
        try await here.withLock("account:7", ttl: .milliseconds(300)) { lease in
            _ = try await there.forceRelease(lease.name, by: "example", reason: "the holder hangs")
            try await Task.sleep(for: .seconds(60))
        }
    }
    do {
        try await body.value
    } catch let error as CoordinationError where error.code == .lockLost {
        print("a body that loses its lock is cancelled")
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

// Two clients stand for two processes; nothing but Redis is between them.
try await RedisClient.withClient(configuration) { first in
    try await RedisClient.withClient(configuration) { second in
        try await takingTurns(Locks(first), Locks(second))
        try await withLock(Locks(first), second)
        try await keptAlive(first)
        try await lost(Locks(first), Locks(second))
    }
}
await server?.stop()
