// Readers and writers, several locks at once, a queue in order, a lease shared by two parts of a program, and an
// administrator's hand.
//
//     swift run LockKinds
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Coordination
import EmbeddedRedis
import Foundation
import RedisCore
import Synchronization

/// Notes that concurrent parts leave, in the order in which they leave them.
final class Notes: Sendable {
    private let notes = Mutex<[String]>([])
    var all: [String] { notes.withLock { $0 } }
    func add(_ note: String) { notes.withLock { $0.append(note) } }
}

/// Many may read a price list while nobody writes it; the writer goes on as a reader without letting another writer in.
func priceList(_ redis: RedisClient, _ other: RedisClient) async throws {
    let (here, there) = (ReadWriteLocks(redis), ReadWriteLocks(other))
    let one = try await here.read("prices")
    let two = try await there.read("prices")
    print("two processes read at once: \(one.isTrusted && two.isTrusted)")
    print("a writer gets in meanwhile: \(try await here.tryWrite("prices") != nil)")
    try await one.release()
    try await two.release()
    try await here.withWrite("prices") { lease in
        try await lease.downgrade()
        let reader = try await there.tryRead("prices")
        print("after the downgrade others read: \(reader != nil)")
        print("readers know the last writer's fence: \(reader?.fencingToken == lease.fencingToken)")
        try await reader?.release()
    }
}

/// Reads, changes and writes two balances: all or nothing, and no deadlock whatever the order of the accounts.
func transfer(_ amount: Int, from: String, to: String, _ redis: RedisClient) async throws {
    try await Locks(redis).withLocks(["account:\(from)", "account:\(to)"], wait: .seconds(30)) { lease in
        for (account, change) in [(from, -amount), (to, amount)] {
            let key = RedisKey("balance:\(account)")
            let balance = try await redis.get(key, as: Int.self) ?? 100
            _ = try await lease.fencedSet("\(balance + change)", to: key, expiry: .seconds(60))
        }
    }
}

/// Three that come one after the other are served one after the other, whichever process they are in.
func queue(_ clients: [RedisClient]) async throws {
    let order = Notes()
    let held = try await FairLocks(clients[0]).acquire("printer")
    var waiters: [Task<Void, any Error>] = []
    for number in 1...3 {
        let client = clients[number % clients.count]
        waiters.append(
            Task {
                try await FairLocks(client).withLock("printer", wait: .seconds(30)) { _ in order.add("\(number)") }
            })
        // Only for this program's output: the next one comes when this one has its place.
        let place = RedisCommand("ZCARD", RedisKey("\(held.key):queue"))
        while try await clients[0].command(place, as: Int.self) < number { await Task.yield() }
    }
    try await held.release()
    for waiter in waiters { try await waiter.value }
    print("served in the order of arrival: \(order.all.joined(separator: ", "))")
}

/// A part of a program that outlives its caller holds the lock for as long as it needs.
func nested(_ redis: RedisClient) async throws {
    let outer = try await Locks(redis).acquire("report")
    let inner = try outer.retain()
    print("the first release: \(try await outer.release())")
    print("the last release: \(try await inner.release())")
}

/// What a person does about a holder that hangs.
func force(_ redis: RedisClient) async throws {
    let hanging = try await Locks(redis).acquire("import")
    let mine = try await Locks(redis).takeOver("import", by: "ann", reason: "hangs since 9")
    print("the new fence is larger: \(mine.fencingToken > hanging.fencingToken)")
    let written = try await hanging.fencedSet("late", to: "import:state", expiry: .seconds(60))
    let refused = try await mine.fencedSet("done", to: "import:state", expiry: .seconds(60))
    print("old holder's write taken before the new one's: \(written), new one's: \(refused)")
    print("old holder's write taken afterwards: \(try await hanging.fencedSet("late", to: "import:state"))")
    print("release by the old holder: \(try await hanging.release())")
    try await mine.release()
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

// Two clients stand for two processes; nothing but Redis is between them.
try await RedisClient.withClient(configuration) { first in
    try await RedisClient.withClient(configuration) { second in
        try await priceList(first, second)

        _ = try await first.delete("balance:a", "balance:b")
        async let there: Void = transfer(30, from: "a", to: "b", first)
        async let back: Void = transfer(10, from: "b", to: "a", second)
        _ = try await (there, back)
        let a = try await first.get("balance:a", as: Int.self) ?? 0
        let b = try await first.get("balance:b", as: Int.self) ?? 0
        print("balances after opposite transfers: \(a) and \(b)")

        try await queue([first, second])
        try await nested(first)
        try await force(first)
    }
}
await server?.stop()
