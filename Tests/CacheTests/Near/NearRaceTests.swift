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
            let news = RaceNews(groups: lanes)
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
            #expect(cache.figures.fills > 0 && cache.figures.refusedFills > 0, "\(cache.figures)")
            tracking.cancel()
        }
    }

    @Test func `leaves stale values where nothing guards the fills`() async throws {
        try await withTwo(.init()) { _, redis, writer in
            let cache = try await RedisCache.near(redis)
            let near = try #require(cache.nearLevel)
            let news = RaceNews(groups: 16)
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

    /// The same through the cache as it is used: `get` races with `setMany` of another client, 128 keys at a time.
    @Test func `leaves no stale value in 100,000 rounds of get`() async throws {
        try await withTwo(.init()) { _, one, other in
            let (batches, keys) = (8, 128)
            let race = try await PublicRace(one, other, batches: batches, keys: keys)
            try await race.run(rounds: 100_000 / (batches * keys) + 1)
            #expect(race.rounds >= 100_000)
            #expect(race.stale.all.isEmpty, "\(race.stale.all.prefix(5))")
            // The race took place: fills were kept, and fills were refused.
            let figures = race.reader.figures
            #expect(figures.fills > 0 && figures.refusedFills > 0, "\(figures)")
        }
    }

    @Test func `leaves stale values for get where nothing guards the fills`() async throws {
        try await withTwo(.init()) { _, one, other in
            let race = try await PublicRace(one, other, batches: 2, keys: 128)
            race.reader.nearLevel?.store.isGuarded.store(false, ordering: .relaxed)
            try await race.run(rounds: 500, untilStale: true)
            #expect(!race.stale.all.isEmpty)
        }
    }
}

/// Batches of keys that one client writes and the other reads at the same time; a value is the round's number.
///
/// A read of round n+1 begins when the news of round n have come: it may give n or n+1, and nothing older. And while it
/// is on its way the next value is written: so each read is at once the check of one round and the race of the next.
private final class PublicRace: Sendable {
    let reader: RedisCache
    let stale = Notes<String>()
    private let writer: RedisCache
    private let redis: RedisClient
    private let news: RaceNews
    private let tracking: Tracking
    private let batches: [[String]]
    private let finished = Atomic(0)

    init(_ one: RedisClient, _ other: RedisClient, batches: Int, keys: Int) async throws {
        redis = one
        reader = try await RedisCache.near(one)
        writer = RedisCache(other, prefix: "myapp", options: .init(timeout: .seconds(20)))
        news = RaceNews(groups: batches, keys: keys)
        tracking = try one.track(prefixes: ["myapp:race:"], news)
        self.batches = (0..<batches).map { batch in (0..<keys).map { "race:\(batch):\($0)" } }
    }

    /// Keys times rounds.
    var rounds: Int { finished.load(ordering: .relaxed) }

    func run(rounds: Int, untilStale: Bool = false) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for batch in batches.indices {
                group.addTask { [self] in
                    for round in 1...rounds where !untilStale || stale.all.isEmpty { try await play(round, batch) }
                    try await read(batches[batch], atLeast: untilStale ? 0 : rounds)
                }
            }
            try await group.waitForAll()
        }
        tracking.cancel()
    }

    private func play(_ round: Int, _ batch: Int) async throws {
        let keys = batches[batch]
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [self] in try await read(keys, atLeast: round - 1) }
            try await writer.setMany(Dictionary(uniqueKeysWithValues: keys.map { ($0, round) }))
            try await news.untilTold(batch, round, redis)
            try await group.waitForAll()
        }
        finished.wrappingAdd(keys.count, ordering: .relaxed)
    }

    private func read(_ keys: [String], atLeast least: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for key in keys {
                group.addTask { [self] in
                    let value = try await reader.get(key, as: Int.self) ?? 0
                    if value < least { stale.add("\(key) is \(value) after \(least) was told") }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// Tells when all keys of a group have changed, each once a round.
private final class RaceNews: TrackingListener {
    /// Fire once a round.
    private let told: [TestSignal]
    private let counts: Mutex<[Int]>
    private let keys: Int
    private let start = "myapp:race:".utf8.count
    private let isInterrupted = Atomic(false)

    /// - Parameter keys: How many there are in a group: `myapp:race:‹group›:…`, or one `myapp:race:‹group›`.
    init(groups: Int, keys: Int = 1) {
        self.keys = keys
        told = (0..<groups).map { TestSignal("the news of group \($0)") }
        counts = Mutex(Array(repeating: 0, count: groups))
    }

    /// Returns when the news of a round have been handled by all who listen.
    func untilTold(_ group: Int, _ round: Int, _ redis: RedisClient) async throws {
        try await told[group].wait(count: round, within: .seconds(60))
        guard !isInterrupted.load(ordering: .acquiring) else {
            throw TestTimeout("tracking was interrupted in round \(round): its news never come")
        }
        // Told to one listener: behind this turn of the loop, to all.
        await redis.eventLoop.run {}
    }

    func trackedKeyChanged(_ key: UnsafeRawBufferPointer) {
        let name = key.dropFirst(start).prefix { $0 != UInt8(ascii: ":") }
        guard let group = Int(String(decoding: name, as: UTF8.self)) else { return }
        let count = counts.withLock { counts in
            counts[group] += 1
            return counts[group]
        }
        if count.isMultiple(of: keys) { told[group].fire() }
    }

    /// Wakes all who wait: each waits for the next round of its group.
    func trackingIsInterrupted() {
        isInterrupted.store(true, ordering: .releasing)
        for signal in told { signal.fire() }
    }

    func trackingIsReady(asOf: Int64) {}
    func trackedKeysFlushed() {}
    func trackingIsProved(asOf: Int64) {}
    func trackingIsUnavailable(_ error: RedisError) {}
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

/// What concurrent parts of a test noted, in order.
private final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }
    func add(_ element: Element) { elements.withLock { $0.append(element) } }
}
