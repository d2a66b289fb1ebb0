import Cache
import Foundation
import RedisCore
import Synchronization

extension ClockSkew {
    func sessions() async throws -> String {
        let store = RedisSessionStore<[String: Int]>(redis)
        let session = try await store.create(userID: "ada", data: ["visits": 1])
        clock.jump()
        var facts = [
            try await isAbout(session.createdAt, 0), try await isAbout(session.expiresAt, 86_400),
            try await isAbout(session.endsAt, 7 * 86_400),
        ]
        let refreshed = try await store.refresh(session.id)
        facts.append(try await isAbout(refreshed.lastSeenAt, 0))
        clock.jump()
        try await store.update(session.id) { $0.data["visits"] = 2 }
        facts.append(try await store.get(session.id)?.data == ["visits": 2])
        clock.jump()
        let rotated = try await store.rotate(session.id)
        facts.append(try await store.list(userID: "ada").map(\.reference) == [rotated.reference])
        let life = SessionLife(idle: .milliseconds(1), absolute: .seconds(60))
        let brief = try await store.create(userID: "bob", data: [:], tenantID: nil, metadata: [:], life: life)
        clock.jump()
        facts.append(
            try await until {
                if case .expired = try await store.lookup(brief.id) { true } else { false }
            })
        facts.append(try await store.destroyAll(userID: "ada") == 1)
        return "\(facts)"
    }

    func codes() async throws -> String {
        let codes = OneTimeCodes(redis, options: .init(minimumInterval: .seconds(600)))
        guard let code = try await codes.generate(for: "ada").code else { return "no code" }
        clock.jump()
        var isRefused = false
        if case .refused(let wait) = try await codes.generate(for: "ada") {
            isRefused = wait > .seconds(500) && wait <= .seconds(600)
        }
        clock.jump()
        let wrong = try await codes.verify("x", for: "ada") == .wrong(attemptsLeft: 4)
        clock.jump()
        let right = try await codes.verify(code.text, for: "ada") == .accepted
        return "\(isRefused) \(wrong) \(right)"
    }

    func indexed() async throws -> String {
        let cache = IndexedCache(redis, namespace: "skew")
        try await cache.set("a", ["x": 1], ttl: .after(.seconds(600)), indexes: ["user": "ada"])
        clock.jump()
        try await cache.set("b", ["x": 2], ttl: .after(.milliseconds(1)), indexes: ["user": "ada"])
        let ended = try await until { try await cache.get("b", as: [String: Int].self) == nil }
        clock.jump()
        try await cache.update("a", ["x": 3])
        let items = try await cache.getByIndex("user", "ada", as: [String: Int].self).items
        return "\(ended) \(items.map { "\($0.key) \($0.value)" })"
    }

    func expiry() async throws -> String {
        let cache = IndexedCache(redis, namespace: "ends", expiry: .values())
        let told = Atomic(0)
        let sweeper = try ExpirySweeper(cache) { _ in told.wrappingAdd(1, ordering: .relaxed) }
        try await cache.set("a", 1, ttl: .after(.seconds(600)))
        clock.jump()
        try await cache.set("b", 2, ttl: .after(.milliseconds(1)))
        let isTold = try await until {
            clock.jump()
            try await sweeper.sweep()
            return told.load(ordering: .relaxed) > 0
        }
        return "\(isTold) \(told.load(ordering: .relaxed)) \(try await cache.exists("a"))"
    }

    func windows() async throws -> String {
        let counters = Counters(redis, name: "skew").by(.day, keep: 10)
        var first: Date?
        for _ in 0..<3 {
            try await counters.add("a")
            clock.jump()
            first = try await counters.series("a", last: 3).first?.start
            clock.jump()
        }
        // Two days before the server's midnight; three if that came meanwhile.
        let age = try await serverTime() - (first?.timeIntervalSince1970 ?? 0)
        let isServers = age >= 2 * 86_400 && age < 3 * 86_400 + 60
        return "\(try await counters.sum("a", last: 3)) in the server's days: \(isServers)"
    }

    func boards() async throws -> String {
        // A client that knows nothing of the server's clock, and begins with a guess.
        let board = Leaderboard(other, name: "skew", options: .init(period: .daily()))
        func day() async throws -> String {
            String(ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: try await serverTime())).prefix(10))
        }
        let before = try await day()
        try await board.add(["ada": 1, "bob": 2])
        let days = Set([before, try await day()])
        clock.jump()
        let top = try await Leaderboard(redis, name: "skew", options: .init(period: .daily())).top(1)
        var keys = 0
        for day in days {
            keys += try await redis.command(
                RedisCommand("EXISTS", RedisKey("signalbox:board:{skew}:\(day)")), as: Int.self)
        }
        let isServers = keys == 1
        return "\(top.map { "\($0.member) \($0.score)" }) of the server's day: \(isServers)"
    }

    /// What lives in this process and has no server whose clock could count.
    func memory() async throws -> String {
        let sessions = InMemorySessionStore<[String: Int]>()
        let session = try await sessions.create(userID: "ada", data: [:])
        let values = InMemoryKeyValueStore()
        try await values.set("a", 1, ttl: .after(.seconds(600)))
        var facts: [Bool] = []
        for _ in 0..<2 {
            clock.jump()
            facts.append(try await sessions.refresh(session.id).createdAt == session.createdAt)
            facts.append(try await values.find("a", as: Int.self) == 1)
        }
        return "\(facts)"
    }
}
