// Elects one of three, hands over when it ends, shares two permits among five, and answers a repeated request once.
//
//     swift run LeaderAndPermits
//
// Redis is $REDIS_URL; without it an embedded redis-server is started, which ends with the program.

import Coordination
import EmbeddedRedis
import Foundation
import RedisCore
import Synchronization

/// Three candidates, each with a turn: the one that leads resigns, and the next is told.
func elect(_ redis: RedisClient) async throws {
    let (terms, told) = AsyncStream<Int64>.makeStream()
    let candidates = try (1...3).map { number in
        let election = try LeaderElection(redis, name: "scheduler", id: "candidate-\(number)") { leadership in
            told.yield(leadership.term)
            // A real leader works here, until it is cancelled; this one is cancelled below.
            try await Task.sleep(for: .seconds(600))
        }
        return (election.id, Task { try await election.run() })
    }
    var last: Int64 = 0
    var leaders: Set<String> = []
    for await term in terms {
        guard let leader = try await Elections(redis).currentLeader("scheduler") else { continue }
        print("a leader, with a larger term: \(term > last)")
        last = term
        leaders.insert(leader.id)
        // Cancelled, it resigns: its successor need not wait for the end of a lease of 15 s.
        candidates.first { $0.0 == leader.id }?.1.cancel()
        if leaders.count == 3 { break }
    }
    for (_, task) in candidates { _ = await task.result }
}

/// How many are inside, now and at most.
final class Room: Sendable {
    private let counts = Mutex((now: 0, most: 0))
    var most: Int { counts.withLock(\.most) }
    func enter() { counts.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
    func leave() { counts.withLock { $0.now -= 1 } }
}

func share(_ redis: RedisClient) async throws {
    let room = Room()
    try await withThrowingDiscardingTaskGroup { group in
        for _ in 1...5 {
            group.addTask {
                try await Semaphores(redis, fair: true).withPermit("render", limit: 2, wait: .seconds(30)) { _ in
                    room.enter()
                    try await Task.sleep(for: .milliseconds(20))
                    room.leave()
                }
            }
        }
    }
    print("at most two at a time: \(room.most <= 2)")
}

/// What an HTTP handler does with the `Idempotency-Key` header.
func answer(_ redis: RedisClient) async throws {
    let idempotency = Idempotency(RedisIdempotencyStore(redis))
    let key = "account-7:\(UUID().uuidString)"
    for body in ["{\"total\":12}", "{\"total\":12}", "{\"total\":99}"] {
        let fingerprint = RequestFingerprint(method: "POST", path: "/orders", body: Array(body.utf8))
        let result = try await idempotency.run(key: key, fingerprint) {
            StoredResponse(status: 201, headers: [.init("Location", "/orders/7")])
        }
        switch result {
        case .handled(let response): print("handled: \(response.status)")
        case .replayed(let response): print("replayed: \(response.status) \(response.headers[0].value)")
        case .conflict: print("409")
        case .keyReused: print("the same key for another request: 422")
        case .unavailable: print("answered before")
        }
    }
}

let url = ProcessInfo.processInfo.environment["REDIS_URL"]
let server = url == nil ? try await EmbeddedServer.start() : nil
let configuration = try server?.configuration ?? RedisConfiguration(url: url ?? "")
try await RedisClient.withClient(configuration) { redis in
    try await elect(redis)
    try await share(redis)
    try await answer(redis)
}
await server?.stop()
