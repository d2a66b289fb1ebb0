import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T3 for the fair lock's queue: the scripts against a model, event by event, with the server's clock in the test's
/// hand; waiters die by no longer asking.
@Suite struct FairModelTests {
    /// Long: the queue's keys end by the server's own clock, which goes on.
    private static let lease: Int64 = 600_000

    @Test(arguments: 0..<12)
    func `the scripts agree with a model of the queue in any order of events`(seed: UInt64) async throws {
        try await withRedis { server, redis in
            var clock = try ManualServerClock(server, redis)
            let keys = try CoordinationKeys(redis.configuration, naming: .standard).fair("a")
            var model = FairModel()
            var random = SplitMix(seed: seed)
            for step in 0..<250 {
                let token = "t\(Int.random(in: 0..<5, using: &random))"
                let (name, found, expected): (String, Int64, Int64)
                switch Int.random(in: 0..<10, using: &random) {
                case 0..<5:
                    let lease = Int.random(in: 0..<4, using: &random) == 0 ? 0 : Self.lease
                    name = "acquire \(token), \(lease)"
                    let reply = try await clock.evaluate(
                        FairScripts.acquire, keys: keys.all, token, 3_600_000, LifeOfKeys.fence, lease, ":wake:0")
                    expected = model.acquire(token, lease, clock.now)
                    // The holder's key goes on by the server's own clock.
                    found = reply < 0 && model.holder != nil ? -1 : reply
                case 5, 6, 7:
                    name = "release \(token)"
                    found = try await clock.evaluate(FairScripts.release, keys: keys.all, token, ":wake:0")
                    expected = model.release(token, clock.now)
                case 8:
                    try clock.advance(.random(in: 0...360_000, using: &random))
                    continue
                default:
                    if Int.random(in: 0..<3, using: &random) == 0 {
                        try server("DEL", keys.lock)
                        model.holder = nil
                    } else if Int.random(in: 0..<4, using: &random) == 0 {
                        try clock.advance(-36_000_000)
                    }
                    continue
                }
                #expect(found == expected, "seed \(seed), step \(step): \(name)")
                guard found == expected else { return }
            }
        }
    }

    @Test func `who waits longest is next, the dead are skipped and nobody overtakes`() async throws {
        try await withRedis { server, redis in
            var clock = try ManualServerClock(server, redis)
            let keys = try CoordinationKeys(redis.configuration, naming: .standard).fair("a")
            func ask(_ token: String, waits: Bool = true) async throws -> Bool {
                try await clock.evaluate(
                    FairScripts.acquire, keys: keys.all, token, 3_600_000, LifeOfKeys.fence, waits ? Self.lease : 0,
                    ":wake:0") > 0
            }
            #expect(try await ask("holder"))
            for waiter in ["first", "dead", "last"] { #expect(try await ask(waiter) == false) }
            _ = try await clock.evaluate(FairScripts.release, keys: keys.all, "holder", ":wake:0")
            #expect(try await ask("passer-by", waits: false) == false)
            #expect(try await ask("last") == false)
            #expect(try await ask("first"))
            try clock.advance(360_000)
            #expect(try await ask("last") == false)
            _ = try await clock.evaluate(FairScripts.release, keys: keys.all, "first", ":wake:0")
            #expect(try await ask("last") == false)
            try clock.advance(240_000)
            #expect(try await ask("last"))
        }
    }
}

/// What a fair lock is, without Redis: times in µs, leases in ms.
struct FairModel {
    var holder: String?
    private var queue: [(token: String, end: Int64)] = []
    private var fence: (last: Int64, token: String?) = (0, nil)

    private mutating func prune(_ lease: Int64, _ now: Int64) {
        if lease > 0 {
            for index in queue.indices { queue[index].end = min(queue[index].end, now + lease * 1_000) }
        }
        queue.removeAll { $0.end <= now }
    }

    /// As the script; −1 for any refusal while somebody holds it.
    mutating func acquire(_ token: String, _ lease: Int64, _ now: Int64) -> Int64 {
        if holder == token, fence.token == token { return fence.last }
        prune(lease, now)
        if holder == nil, queue.first.map({ $0.token == token }) ?? true {
            holder = token
            fence = (max(now, fence.last + 1), token)
            queue.removeAll { $0.token == token }
            return fence.last
        }
        let first = queue.first
        if lease > 0 {
            if let index = queue.firstIndex(where: { $0.token == token }) {
                queue[index].end = now + lease * 1_000
            } else {
                queue.append((token, now + lease * 1_000))
            }
        }
        guard holder == nil, let first else { return -1 }
        return -((first.end - now + 999) / 1_000) - 2
    }

    mutating func release(_ token: String, _ now: Int64) -> Int64 {
        queue.removeAll { $0.token == token }
        guard holder == token else { return holder == nil ? 0 : -1 }
        holder = nil
        return 1
    }
}
