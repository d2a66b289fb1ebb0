import RedisCore
import Testing

@testable import Cache

@Suite struct `The fill guard` {
    private func opened() -> FillGuard {
        var fillGuard = FillGuard(places: 64)
        fillGuard.flush(isOpen: true)
        return fillGuard
    }

    @Test func `gives no ticket while news may be missed`() {
        var fillGuard = FillGuard(places: 64)
        #expect(fillGuard.ticket() == nil)
        fillGuard.flush(isOpen: true)
        #expect(fillGuard.ticket() != nil)
        fillGuard.flush(isOpen: false)
        #expect(fillGuard.ticket() == nil)
    }

    @Test func `refuses what was read before its key changed, and not what was read after`() throws {
        var fillGuard = opened()
        let before = try #require(fillGuard.ticket())
        #expect(fillGuard.allows(before, 256, groups: []))
        fillGuard.changed(256)
        #expect(!fillGuard.allows(before, 256, groups: []))
        let after = try #require(fillGuard.ticket())
        #expect(fillGuard.allows(after, 256, groups: []))
    }

    @Test func `lets the change of one key pass another`() throws {
        var fillGuard = opened()
        let ticket = try #require(fillGuard.ticket())
        fillGuard.changed(256)
        #expect(fillGuard.allows(ticket, 512, groups: []))
    }

    @Test func `ends a group's entries with its tag, those on their way too`() throws {
        var fillGuard = opened()
        let ticket = try #require(fillGuard.ticket())
        let (tag, other) = (fillGuard.group(256), fillGuard.group(512))
        fillGuard.groupChanged(tag)
        #expect(!fillGuard.allows(ticket, 1_024, groups: [other, tag]))
        #expect(!fillGuard.isAlive(ticket, [tag]))
        #expect(fillGuard.isAlive(ticket, [other]))
        let after = try #require(fillGuard.ticket())
        #expect(fillGuard.isAlive(after, [tag]))
    }

    @Test func `ends everything with a flush and with an interruption`() throws {
        var fillGuard = opened()
        let first = try #require(fillGuard.ticket())
        fillGuard.flush(isOpen: true)
        #expect(!fillGuard.allows(first, 256, groups: []))
        let second = try #require(fillGuard.ticket())
        fillGuard.flush(isOpen: false)
        #expect(!fillGuard.allows(second, 256, groups: []))
        fillGuard.flush(isOpen: true)
        #expect(!fillGuard.allows(second, 256, groups: []))
    }
}

/// A server, its two sockets and a near cache, with any order of delivery that the sockets allow: what is handed out
/// was never older than the last change that was told.
@Suite struct `The fill guard, simulated` {
    @Test(arguments: UInt64(1)...200)
    func `never hands out what is staler than the news`(seed: UInt64) {
        var simulation = FillSimulation(seed: seed, isGuarded: true)
        for _ in 0..<2_000 { simulation.step() }
        #expect(simulation.faults.isEmpty, "seed \(seed): \(simulation.faults.prefix(3))")
        #expect(simulation.hits > 5)
    }

    @Test func `would be found out without the guard`() {
        let faults = (UInt64(1)...20).flatMap { seed in
            var simulation = FillSimulation(seed: seed, isGuarded: false)
            for _ in 0..<2_000 { simulation.step() }
            return simulation.faults
        }
        #expect(!faults.isEmpty)
    }
}

private struct FillSimulation {
    private struct Reply {
        let key: Int
        let value: Int
        let ticket: UInt64
    }

    private enum News {
        case changed(Int)
        case group(Int)
        case flushed
    }

    var faults: [String] = []
    private(set) var hits = 0
    private let isGuarded: Bool
    private var random: SplitMix
    private var shard = NearShard(NearStore.Limits(entries: 6, bytes: .max), guardPlaces: 16)
    /// What the server has: a number that grows with each change, and the value as of the group's last change.
    private var values: [Int: Int] = [:]
    private var requests: [(key: Int, ticket: UInt64)] = []
    private var replies: [Reply] = []
    private var news: [News] = []
    private var clock = 0
    /// What the last told change of each key was: nothing older may be handed out.
    private var told: [Int: Int] = [:]
    private var pendingTold: [[(Int, Int)]] = []
    private var isConnected = false

    private static let keys = 8
    private static let groups = 2

    init(seed: UInt64, isGuarded: Bool) {
        random = SplitMix(seed: seed)
        self.isGuarded = isGuarded
    }

    private func hash(_ key: Int) -> Int { NearStoreTesting.hash(key) }
    private func group(_ key: Int) -> Int { key % Self.groups }
    private func groupPlace(_ group: Int) -> UInt16 { shard.fillGuard.group(hash(1_000 + group)) }

    mutating func step() {
        let key = Int.random(in: 0..<Self.keys, using: &random)
        switch Int.random(in: 0..<100, using: &random) {
        case ..<30: read(key)
        case ..<45: serve()
        case ..<65: deliverReply()
        case ..<71: write(key)
        case ..<72: invalidateGroup(group(key))
        case ..<73: if Int.random(in: 0..<4, using: &random) == 0 { flush() }
        case ..<93: deliverNews()
        case ..<95: writeOurselves(key)
        case ..<97: reconnect()
        default: if Int.random(in: 0..<5, using: &random) == 0 { disconnect() }
        }
    }

    private mutating func read(_ key: Int) {
        let found = NearStoreTesting.withKey(key) { shard.find($0, hash(key), now: 0) }
        if let value = found?.value(as: Int.self) {
            hits += 1
            if value < told[key] ?? 0 { faults.append("key \(key) is \(value), told was \(told[key] ?? 0)") }
        } else if let ticket = shard.fillGuard.ticket() {
            requests.append((key, ticket))
        }
    }

    /// The server answers one read; several connections, so in any order.
    private mutating func serve() {
        guard !requests.isEmpty else { return }
        let request = requests.remove(at: Int.random(in: 0..<requests.count, using: &random))
        replies.append(Reply(key: request.key, value: values[request.key] ?? 0, ticket: request.ticket))
    }

    private mutating func deliverReply() {
        guard !replies.isEmpty else { return }
        let reply = replies.remove(at: Int.random(in: 0..<replies.count, using: &random))
        let groups = [groupPlace(group(reply.key))]
        let entry = NearEntry(value: NearBox(reply.value), expires: 1, cost: 1, groups: groups)
        let ticket = isGuarded ? reply.ticket : shard.fillGuard.number
        _ = NearStoreTesting.withKey(reply.key) { shard.fill($0, hash(reply.key), entry, ticket: ticket) }
    }

    private mutating func write(_ key: Int) {
        clock += 1
        values[key] = clock
        tell(.changed(key), [(key, clock)])
    }

    private mutating func writeOurselves(_ key: Int) {
        forget(key)
        write(key)
        forget(key)
        // Our own write counts as told when its reply is in.
        told[key] = clock
    }

    private mutating func forget(_ key: Int) { NearStoreTesting.withKey(key) { shard.invalidate($0, hash(key)) } }

    private mutating func invalidateGroup(_ group: Int) {
        clock += 1
        let members = (0..<Self.keys).filter { self.group($0) == group }
        for key in members { values[key] = clock }
        tell(.group(group), members.map { ($0, clock) })
    }

    private mutating func flush() {
        clock += 1
        for key in 0..<Self.keys { values[key] = clock }
        tell(.flushed, (0..<Self.keys).map { ($0, clock) })
    }

    private mutating func tell(_ item: News, _ changes: [(Int, Int)]) {
        guard isConnected else { return }
        news.append(item)
        pendingTold.append(changes)
    }

    /// News keep their order.
    private mutating func deliverNews() {
        guard !news.isEmpty else { return }
        switch news.removeFirst() {
        case .changed(let key): forget(key)
        case .group(let group): shard.invalidateGroup(groupPlace(group))
        case .flushed: _ = shard.flush(isOpen: true)
        }
        for (key, value) in pendingTold.removeFirst() { told[key] = max(told[key] ?? 0, value) }
    }

    private mutating func disconnect() {
        isConnected = false
        news = []
        pendingTold = []
        _ = shard.flush(isOpen: false)
    }

    private mutating func reconnect() {
        guard !isConnected else { return }
        isConnected = true
        _ = shard.flush(isOpen: true)
        // What happened meanwhile is behind us: nothing from before may come back.
        told = values
    }
}
