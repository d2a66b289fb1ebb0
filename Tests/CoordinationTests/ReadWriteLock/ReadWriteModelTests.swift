import RedisCore
import TestSupport
import Testing

@testable import Coordination

/// T3 for the read-write lock: the scripts against a model, event by event, with the server's clock in the test's hand.
///
/// A failing run names its seed; `Scripts/test --filter 'the scripts agree with a model'` runs it again.
@Suite struct ReadWriteModelTests {
    @Test(arguments: 0..<12)
    func `the scripts agree with a model in any order of events`(seed: UInt64) async throws {
        try await withRedis { server, redis in
            var clock = try ManualServerClock(server, redis)
            let keys = try CoordinationKeys(redis.configuration, naming: .standard).readWrite("a")
            var model = ReadWriteModel()
            var random = SplitMix(seed: seed)
            for step in 0..<250 {
                let token = "t\(Int.random(in: 0..<4, using: &random))"
                let waiter = "w\(token)"
                // Minutes: keys end by the server's own clock, which goes on.
                let ttl = Int64.random(in: 1...20, using: &random) * 60_000
                let now = clock.now
                let (name, found, expected): (String, Int64, Int64)
                switch Int.random(in: 0..<12, using: &random) {
                case 0, 1:
                    name = "read \(token)"
                    found = try await clock.evaluate(
                        ReadWriteScripts.read, keys: keys.all, token, ttl, LifeOfKeys.fence)
                    expected = model.read(token, ttl, now)
                case 2, 3:
                    name = "write \(token)"
                    let life: Int64 = Bool.random(using: &random) ? 600_000 : 0
                    found = try await clock.evaluate(
                        ReadWriteScripts.write, keys: keys.all, token, ttl, LifeOfKeys.fence, waiter, life)
                    expected = model.write(token, ttl, waiter, life, now)
                case 4:
                    name = "renew \(token)"
                    found = try await clock.evaluate(ReadWriteScripts.renew, keys: keys.all, token, ttl)
                    expected = model.renew(token, ttl, now)
                case 5, 6:
                    name = "release \(token)"
                    found = try await clock.evaluate(ReadWriteScripts.release, keys: keys.all, token, ":wake:0")
                    expected = model.release(token, now)
                case 7:
                    name = "check \(token)"
                    found = try await clock.evaluate(ReadWriteScripts.check, keys: keys.all, token)
                    expected = model.check(token, now)
                case 8:
                    name = "downgrade \(token)"
                    found = try await clock.evaluate(
                        ReadWriteScripts.downgrade, keys: keys.all, token, ttl, ":wake:0")
                    expected = model.downgrade(token, ttl, now)
                case 9:
                    name = "leave \(waiter)"
                    found = try await clock.evaluate(ReadWriteScripts.leave, keys: keys.all, waiter, ":wake:0")
                    expected = model.leave(waiter, now)
                case 10:
                    try clock.advance(.random(in: 0...480_000, using: &random))
                    continue
                default:
                    // Rarely, and by far more than any lease.
                    if Int.random(in: 0..<4, using: &random) == 0 { try clock.advance(-36_000_000) }
                    continue
                }
                #expect(found == expected, "seed \(seed), step \(step): \(name)")
                #expect(model.isSound, "seed \(seed), step \(step): \(name)")
                guard found == expected else { return }
            }
        }
    }
}

/// What a read-write lock is, without Redis: times in µs, leases in ms.
struct ReadWriteModel {
    private var writer: (token: String, end: Int64)?
    private var readers: [String: Int64] = [:]
    private var waiting: [String: Int64] = [:]
    private var fence: (last: Int64, token: String?) = (0, nil)
    /// The time that the scripts noted last.
    private var seen: Int64?

    /// At most one writer, and no reader beside one.
    var isSound: Bool { writer == nil || readers.isEmpty }

    private mutating func begin(_ now: Int64) {
        if let seen, seen > now {
            let back = seen - now
            readers = readers.mapValues { $0 - back }
            waiting = waiting.mapValues { $0 - back }
            if let writer { self.writer = (writer.token, writer.end - back) }
            self.seen = now
        }
        readers = readers.filter { $0.value > now }
        waiting = waiting.filter { $0.value > now }
        if let end = writer?.end, end <= now { writer = nil }
    }

    private func left(_ end: Int64?, _ now: Int64) -> Int64 {
        guard let end else { return -2 }
        return -((end - now + 999) / 1_000) - 2
    }

    mutating func read(_ token: String, _ ttl: Int64, _ now: Int64) -> Int64 {
        begin(now)
        if readers[token] == nil {
            if let writer { return left(writer.end, now) }
            if !waiting.isEmpty { return left(waiting.values.max(), now) }
        }
        readers[token] = now + ttl * 1_000
        seen = now
        if fence.last == 0 { fence.last = now }
        return fence.last
    }

    mutating func write(_ token: String, _ ttl: Int64, _ waiter: String, _ life: Int64, _ now: Int64) -> Int64 {
        begin(now)
        if writer?.token == token, fence.token == token {
            writer = (token, now + ttl * 1_000)
            seen = now
            return fence.last
        }
        if writer.map({ $0.token != token }) ?? false || !readers.isEmpty {
            if life > 0 {
                waiting[waiter] = now + life * 1_000
                seen = now
            }
            return left(writer?.end ?? readers.values.max(), now)
        }
        waiting[waiter] = nil
        writer = (token, now + ttl * 1_000)
        seen = now
        fence = (max(now, fence.last + 1), token)
        return fence.last
    }

    mutating func renew(_ token: String, _ ttl: Int64, _ now: Int64) -> Int64 {
        begin(now)
        if writer?.token == token {
            writer = (token, now + ttl * 1_000)
        } else if readers[token] != nil {
            readers[token] = now + ttl * 1_000
        } else {
            return writer == nil ? 0 : -1
        }
        seen = now
        return 1
    }

    mutating func release(_ token: String, _ now: Int64) -> Int64 {
        begin(now)
        if writer?.token == token {
            writer = nil
        } else if readers.removeValue(forKey: token) == nil {
            return writer == nil ? 0 : -1
        }
        if readers.isEmpty, waiting.isEmpty { seen = nil }
        return 1
    }

    mutating func check(_ token: String, _ now: Int64) -> Int64 {
        begin(now)
        if writer?.token == token || readers[token] != nil { return 1 }
        return writer == nil ? 0 : -1
    }

    mutating func downgrade(_ token: String, _ ttl: Int64, _ now: Int64) -> Int64 {
        begin(now)
        if readers[token] != nil { return 1 }
        guard writer?.token == token else { return writer == nil ? 0 : -1 }
        writer = nil
        readers[token] = now + ttl * 1_000
        seen = now
        return 1
    }

    mutating func leave(_ waiter: String, _ now: Int64) -> Int64 {
        begin(now)
        return waiting.removeValue(forKey: waiter) == nil ? 0 : 1
    }
}
