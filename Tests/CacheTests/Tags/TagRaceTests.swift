import FoundationEssentials
import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// T7: loads and an invalidation of their tag, in every order of their steps, by the real scripts on a real server.
@Suite struct TagRaceTests {
    @Test func `no order of two loads and an invalidation leaves an older value`() async throws {
        let orders = Interleavings.all([3, 3, 2])
        #expect(orders.count == 560)
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for (number, order) in orders.enumerated() {
                var race = TagRace(cache: cache, key: "k\(number)", tag: "t\(number)")
                for actor in order { try await race.step(actor) }
                try await race.check("\(order)")
            }
        }
    }

    @Test func `an invalidation at any point of a load is not lost`() async throws {
        try await withRedis { _, redis in
            let cache = RedisCache(redis, prefix: "app", options: .unhurried)
            for point in 0..<4 {
                let (key, tag) = ("k\(point)", "t\(point)")
                let database = Mutex(1)
                @Sendable func change(at: Int) async throws {
                    guard at == point else { return }
                    database.withLock { $0 = 2 }
                    try await cache.invalidate(tags: tag)
                }
                try await change(at: 0)
                let loaded = try await cache.remember(key, tags: [tag]) { () async throws -> Int in
                    try await change(at: 1)
                    let value = database.withLock { $0 }
                    try await change(at: 2)
                    return value
                }
                try await change(at: 3)
                #expect(loaded == 2 || point > 1)
                let cached: Int? = try await cache.get(key, tags: [tag])
                #expect(cached ?? 2 == 2, "point \(point)")
            }
        }
    }
}

/// Loads by two processes of what a third changes.
private struct TagRace {
    let cache: RedisCache
    let key: String
    let tag: String
    private var source = 1
    private var invalidated = 0
    private var loads = [Load(), Load()]
    private var writes = 0

    private struct Load {
        var step = 0
        let token = FillToken()
        var began: Int64?
        var value = 0
    }

    init(cache: RedisCache, key: String, tag: String) {
        self.cache = cache
        self.key = key
        self.tag = tag
    }

    mutating func step(_ actor: Int) async throws {
        if actor == 2 {
            if writes == 0 { source = 2 } else { try await cache.invalidate(tags: tag) }
            if writes == 1 { invalidated = source }
            writes += 1
        } else {
            try await load(actor)
        }
        try await check("on the way")
    }

    private mutating func load(_ index: Int) async throws {
        let entry = try cache.redisKey(key)
        var load = loads[index]
        switch load.step {
        case 0:
            let bytes = try await cache.mget([entry], "test", key: nil)[0] ?? Data()
            let answer = try await cache.acquireFill(
                entry, load.token, replacing: EntryPrint(bytes), lease: 30_000, respect: 0, "test")
            if case .granted(let time) = answer { load.began = time }
        case 1: load.value = source
        default:
            guard let began = load.began else { break }
            let bytes = try cache.pieces(load.value, [tag], entry, "test").whole(written: began)
            _ = try await cache.fill(entry, load.token, bytes, life: "60000", "test")
        }
        load.step += 1
        loads[index] = load
    }

    /// Nothing is served that is older than the last invalidation that has ended.
    func check(_ order: String) async throws {
        let expected: Int? = try await cache.get(key)
        let known: Int? = try await cache.get(key, tags: [tag])
        for value in [expected, known].compactMap({ $0 }) { #expect(value >= invalidated, "\(order)") }
    }
}

/// All orders in which actors can take their steps.
enum Interleavings {
    /// `steps[i]` is how many steps actor `i` takes.
    static func all(_ steps: [Int]) -> [[Int]] {
        var found: [[Int]] = []
        func go(_ left: [Int], _ path: [Int]) {
            if left.allSatisfy({ $0 == 0 }) { return found.append(path) }
            for actor in left.indices where left[actor] > 0 {
                var left = left
                left[actor] -= 1
                go(left, path + [actor])
            }
        }
        go(steps, [])
        return found
    }
}
