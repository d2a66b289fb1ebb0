// Guards a task so that one of several callers runs it, and a balance so that one at a time changes it.
//
//     swift run OnceAndLock
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Coordination
import EmbeddedRedis
import Foundation
import RedisCore

struct Invoice: Codable, Sendable {
    let number: String
    let total: Int
}

/// What a caller was told; the same invoice, whoever made it.
func invoice(_ redis: RedisClient, order: String) async throws -> (ran: Bool, invoice: Invoice) {
    let coordinator = TaskCoordinator(redis)
    let outcome = try await coordinator.once(
        "invoice:\(order)", lease: .seconds(30), keepResult: .seconds(3_600), followers: .wait(.seconds(20))
    ) { lease in
        // Runs once. A billing system outside Redis would get the fencing token, to refuse an owner that was replaced.
        Invoice(number: "\(order)-1", total: lease.fencingToken > 0 ? 12 : 0)
    }
    return switch outcome {
    case .executed(let invoice, _): (true, invoice)
    case .alreadyDone(let invoice): (false, invoice)
    case .inProgress(let owner, _): throw StillRunning(owner: owner)
    }
}

/// Only with `followers: .skip`, or when the wait is over.
struct StillRunning: Error { let owner: String }

/// Reads, adds and writes: two callers that did so at once would lose one of the two amounts.
func deposit(_ amount: Int, _ redis: RedisClient) async throws -> Int64 {
    try await Locks(redis).withLock("account:7", ttl: .seconds(30), wait: .seconds(20)) { lease in
        let balance = try await redis.get("account:7:balance", as: Int.self) ?? 0
        // Refused if somebody with a newer lease has written: this process may have been paused since it read.
        guard try await lease.fencedSet("\(balance + amount)", to: "account:7:balance", expiry: .seconds(60)) else {
            throw StillRunning(owner: "a newer holder of \(lease.name)")
        }
        return lease.fencingToken
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")

// Two clients stand for two processes; nothing but Redis is between them.
try await RedisClient.withClient(configuration) { first in
    try await RedisClient.withClient(configuration) { second in
        let order = UUID().uuidString
        async let one = invoice(first, order: order)
        async let other = invoice(second, order: order)
        let callers = try await [one, other]
        print("callers that ran the task: \(callers.count { $0.ran })")
        print("callers that got the stored result: \(callers.count { !$0.ran })")
        print("both have the same invoice: \(callers[0].invoice.number == callers[1].invoice.number)")

        _ = try await first.delete("account:7:balance")
        async let ten = deposit(10, first)
        async let five = deposit(5, second)
        let fences = try await [ten, five]
        let balance = try await first.get("account:7:balance", as: Int.self) ?? 0
        print("balance after deposits of 10 and 5: \(balance)")
        print("fencing tokens differ: \(fences[0] != fences[1])")
    }
}
await server?.stop()
