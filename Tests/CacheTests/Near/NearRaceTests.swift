import RedisCore
import Synchronization
import TestSupport
import Testing

@testable import Cache

/// The race of M3 against a real server: reads and writes of the same keys cross each other on different sockets.
///
/// Once a write was answered and its news have come, nothing older may be handed out, now or later.
@Suite struct `The race of a fill with a write` {
    /// 100,000 rounds with the guard and the store themselves, 64 keys at a time.
    @Test func `leaves no stale value in 100,000 rounds`() async throws {
        let lanes = 64
        let rounds = 100_000 / lanes + 1
        try await withTwo(.init()) { _, redis, writer in
            let cache = try await RedisCache.near(redis)
            let near = try #require(cache.nearLevel)
            let news = RaceNews(lanes: lanes)
            let tracking = try redis.track(prefixes: ["myapp:race:"], news)
            let stale = Notes<String>()
            try await withThrowingTaskGroup { group in
                for lane in 0..<lanes {
                    group.addTask {
                        let race = Lane(lane, redis, writer, near, news, stale, isGuarded: true)
                        for round in 1...rounds { try await race.round(round) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(stale.all.isEmpty, "\(stale.all.prefix(5))")
            // The race took place: fills were kept, and fills were refused.
            #expect(cache.figures.fills > 1_000 && cache.figures.refusedFills > 1_000)
            tracking.cancel()
        }
    }

    @Test func `leaves stale values where nothing guards the fills`() async throws {
        try await withTwo(.init()) { _, redis, writer in
            let cache = try await RedisCache.near(redis)
            let near = try #require(cache.nearLevel)
            let news = RaceNews(lanes: 16)
            let tracking = try redis.track(prefixes: ["myapp:race:"], news)
            let stale = Notes<String>()
            try await withThrowingTaskGroup { group in
                for lane in 0..<16 {
                    group.addTask {
                        let race = Lane(lane, redis, writer, near, news, stale, isGuarded: false)
                        // Until the race is lost once; it is within some dozen rounds.
                        for round in 1...5_000 where stale.all.isEmpty { try await race.round(round) }
                    }
                }
                try await group.waitForAll()
            }
            #expect(!stale.all.isEmpty)
            tracking.cancel()
        }
    }

    @Test func `leaves no stale value through the cache as it is used`() async throws {
        try await withTwo(.init()) { _, one, other in
            let reader = try await RedisCache.near(one)
            let writer = RedisCache(other, prefix: "myapp")
            let news = RaceNews(lanes: 16)
            let tracking = try one.track(prefixes: ["myapp:race:"], news)
            let stale = Notes<String>()
            try await withThrowingTaskGroup { group in
                for lane in 0..<16 {
                    group.addTask {
                        let key = "race:\(lane)"
                        for round in 1...200 {
                            async let crossing = reader.get(key, as: Int.self)
                            try await writer.set(key, round)
                            try await news.untilTold(lane, round, one)
                            _ = try await crossing
                            for _ in 0..<2 where try await reader.get(key, as: Int.self) ?? 0 < round {
                                stale.add("\(key) in round \(round)")
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(stale.all.isEmpty, "\(stale.all.prefix(5))")
            #expect(reader.figures.hits > 0)
            tracking.cancel()
        }
    }
}

/// One key: what is written is the round's number.
private struct Lane: Sendable {
    let number: Int
    let key: RedisKey
    let redis: RedisClient
    let writer: RedisClient
    let near: NearLevel
    let news: RaceNews
    let stale: Notes<String>
    /// Without, the ticket is taken when the value is there, as a cache would that does not know of the race.
    let isGuarded: Bool

    init(
        _ number: Int, _ redis: RedisClient, _ writer: RedisClient, _ near: NearLevel, _ news: RaceNews,
        _ stale: Notes<String>, isGuarded: Bool
    ) {
        self.number = number
        key = RedisKey("myapp:race:\(number)")
        self.redis = redis
        self.writer = writer
        self.near = near
        self.news = news
        self.stale = stale
        self.isGuarded = isGuarded
    }

    func round(_ round: Int) async throws {
        async let crossing: Void = read()
        try await writer.set(key, to: round)
        try await news.untilTold(number, round, redis)
        check(round)
        try await crossing
        check(round)
    }

    private func read() async throws {
        let before = near.begin(key)
        let value = try await redis.get(key, as: Int.self) ?? 0
        guard let read = isGuarded ? before : near.begin(key) else { return }
        near.keep(NearBox(value), of: key, read, life: nil, size: 8, groups: [])
    }

    private func check(_ round: Int) {
        guard let value = key.withUTF8({ near.store.find($0) })?.value(as: Int.self), value < round else { return }
        stale.add("\(key) is \(value) in round \(round)")
    }
}

/// How many changes of each key were told.
private final class RaceNews: TrackingListener {
    private let counts: Mutex<[Int]>
    private let start = "myapp:race:".utf8.count

    init(lanes: Int) { counts = Mutex(Array(repeating: 0, count: lanes)) }

    /// Returns when the news of a round have been handled by all who listen.
    func untilTold(_ lane: Int, _ round: Int, _ redis: RedisClient) async throws {
        while counts.withLock({ $0[lane] }) < round {
            try Task.checkCancellation()
            await Task.yield()
        }
        // Told to one listener: behind this turn of the loop, to all.
        await redis.eventLoop.run {}
    }

    func trackedKeyChanged(_ key: UnsafeRawBufferPointer) {
        guard let lane = Int(String(decoding: key.dropFirst(start), as: UTF8.self)) else { return }
        counts.withLock { $0[lane] += 1 }
    }

    func trackingIsReady(asOf: Int64) {}
    func trackedKeysFlushed() {}
    func trackingIsProved(asOf: Int64) {}
    func trackingIsInterrupted() {}
    func trackingIsUnavailable(_ error: RedisError) {}
}

/// What concurrent parts of a test noted, in order.
private final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
}
