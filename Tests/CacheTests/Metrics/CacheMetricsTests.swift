import RedisCore
import TestSupport
import Testing

@testable import Cache

/// Which event counts what, how often, and nothing else: each scenario begins with an empty backend.
@Suite struct CacheMetricsTests {
    @Test(arguments: MetricsScenario.all)
    func `an event counts what its metric says, and nothing else`(scenario: MetricsScenario) async throws {
        try await withMetrics { stage in
            try await scenario.run(stage)
            // What a task of its own counts may come a little later.
            try? await eventually { stage.counts == scenario.expected }
            #expect(stage.counts == scenario.expected)
        }
    }

    @Test func `no metric is dead: every one is counted by a scenario or a test below`() {
        let backend = RecordingMetrics()
        _ = CacheMetrics(backend)
        let counted = Set(MetricsScenario.all.flatMap(\.expected.keys))
        // Below, where what else is counted depends on the moment.
        let elsewhere: Set<String> = [
            "cache.failures", "cache.refused", "cache.circuit.opened", "cache.near.hits", "cache.near.flushes",
            "cache.invalidations.queued", "cache.invalidations.recovered", "cache.invalidations.abandoned",
            "cache.invalidations.widened",
        ]
        #expect(counted.union(elsewhere) == Set(backend.counters.keys))
    }

    @Test func `labels are fixed: no metric has a dimension, and no call makes a new one`() async throws {
        try await withMetrics { stage in
            let redis = stage.client()
            let before = Set(stage.backend.counters.keys)
            let cache = RedisCache(redis, prefix: "app", options: .unhurried).namespace("secret").tenant("acme")
            try await cache.set("user:ada", 1, tags: ["ada"])
            _ = try await cache.get("user:ada", as: Int.self)
            try await cache.invalidate(tags: "ada")
            let sessions = RedisSessionStore<Cart>(redis, options: .unhurried)
            _ = try await sessions.get(try await sessions.create(userID: "ada", data: Cart()).id)
            _ = try await OneTimeCodes(redis, options: .unhurried).generate(for: "ada", purpose: "login")
            try await IndexedCache(redis, namespace: "n", options: .unhurried).set("ada", 1, indexes: ["user": "ada"])
            #expect(Set(stage.backend.counters.keys) == before)
            #expect(before.allSatisfy { $0.wholeMatch(of: /(cache|session|code)(\.[a-z]+)+/) != nil })
            #expect(stage.backend.timers.isEmpty)
        }
    }

    @Test func `every metric is documented, and no other`() throws {
        let backend = RecordingMetrics()
        _ = CacheMetrics(backend)
        let text = try Checkout.text("docs/keys.md")
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `Cache`") }
        let listed = rows.flatMap { row in
            // Of a row, `.name` continues the name before it.
            var base = ""
            return row.matches(of: /`((?:cache|session|code)?\.[a-z.]+)`/).map { match in
                let name = String(match.1)
                if !name.hasPrefix(".") { base = name }
                return name.hasPrefix(".") ? String(base[..<(base.lastIndex(of: ".") ?? base.endIndex)]) + name : name
            }
        }
        #expect(Set(listed) == Set(backend.counters.keys))
    }

    @Test func `caches of one client count together, those of another client do not`() async throws {
        try await withMetrics { stage in
            let redis = stage.client()
            try await withClient(stage.server.configuration) { other in
                try await RedisCache(other, prefix: "app", options: .unhurried).set("a", 1)
                #expect(stage.counts == [:])
            }
            try await RedisCache(redis, prefix: "app", options: .unhurried).set("a", 1)
            try await IndexedCache(redis, namespace: "n", options: .unhurried).set("a", 1)
            #expect(stage.counts == ["cache.writes": 2])
        }
    }
}

/// The breaker's: how many calls fall into its pauses depends on the moment, how often it opens does not.
@Suite struct CircuitMetricsTests {
    @Test func `an opening is counted and logged once, however many calls and trials fail, a closing too`()
        async throws
    {
        try await withMetrics { stage in
            try await withFaultProxy(to: stage.server.tcp) { proxy in
                let lines = LogLines()
                let redis = stage.client(proxy.configuration, logger: lines.logger)
                let cache = RedisCache(redis, prefix: "app", options: .init(timeout: .milliseconds(50)))
                func count(_ name: String) -> Int { stage.counts["cache.\(name)"] ?? 0 }
                for opening in 1...2 {
                    proxy.set(.refuse)
                    proxy.cut()
                    let failures = count("failures")
                    var calls = 0
                    while !cache.engine.isOpen, calls < 100 {
                        #expect(count("circuit.opened") == opening - 1)
                        _ = try await cache.get("a", as: Int.self)
                        calls += 1
                    }
                    #expect(count("failures") - failures == CircuitBreaker.threshold)
                    try await eventually("a trial fails, and calls are refused") {
                        _ = try await cache.get("a", as: Int.self)
                        return count("failures") - failures > CircuitBreaker.threshold && count("refused") >= opening
                    }
                    #expect(count("circuit.opened") == opening)
                    #expect(lines.count(of: "cache: Redis does not answer") == opening)
                    #expect(lines.count(of: "cache: Redis answers again") == opening - 1)
                    proxy.set(.pass)
                    try await eventually("the circuit closes") {
                        _ = try await cache.get("a", as: Int.self)
                        return !cache.engine.isOpen
                    }
                    #expect(lines.count(of: "cache: Redis answers again") == opening)
                }
                let (failures, refused) = (count("failures"), count("refused"))
                // Of the same client, but it waits as long as it takes.
                let unhurried = cache.with { $0.timeout = .seconds(60) }
                for _ in 0..<5 { _ = try await unhurried.get("a", as: Int.self) }
                #expect(count("circuit.opened") == 2)
                #expect(count("failures") == failures && count("refused") == refused)
                // An outage is no miss; the reads that Redis answered are.
                #expect(
                    Set(stage.counts.keys).isSubset(
                        of: ["cache.failures", "cache.refused", "cache.circuit.opened", "cache.misses"]))
            }
        }
    }

    @Test func `what Redis answers with an error is no failure of Redis`() async throws {
        try await withMetrics { stage in
            let cache = stage.cache()
            try stage.server("RPUSH", "app:list", "a")
            for _ in 0..<2 * CircuitBreaker.threshold {
                await expectError(.wrongType) { try await cache.increment("list") }
            }
            #expect(!cache.engine.isOpen)
            #expect(stage.counts == [:])
        }
    }
}

/// What an invalidator queues while Redis is away.
@Suite struct InvalidationQueueMetricsTests {
    private func queue(
        _ options: Invalidator.Options, ids: Range<Int>, away: Bool = false
    ) async throws -> [String: Int] {
        var counts: [String: Int] = [:]
        try await withMetrics { stage in
            let cache = stage.cache(.init(timeout: .milliseconds(200)))
            let clock = ManualClock()
            let invalidator = Invalidator(cache, strategy: .onWrite, options: options, clock: clock)
            await stage.server.kill()
            for id in ids { await expectError(.unavailable) { try await invalidator.afterUpdate("user", id: "\(id)") } }
            if !away { try await stage.server.start() }
            try await eventually("nothing waits any more", within: .seconds(60)) {
                // Only for who rests: a slow attempt must not take hours of this clock.
                if clock.sleepers > 0 { clock.advance(by: .seconds(5)) }
                return invalidator.pending == 0
            }
            try await eventually("it is counted") {
                counts = stage.counts.filter { $0.key.hasPrefix("cache.invalidations.") }
                return counts.count > 1
            }
        }
        return counts
    }

    @Test func `what waited is done later`() async throws {
        let counts = try await queue(.init(), ids: 0..<3)
        #expect(counts == ["cache.invalidations.queued": 3, "cache.invalidations.recovered": 3])
    }

    @Test func `too many become one of everything`() async throws {
        let counts = try await queue(.init(capacity: 2), ids: 0..<5)
        #expect(
            counts == [
                "cache.invalidations.queued": 5, "cache.invalidations.widened": 1, "cache.invalidations.recovered": 1,
            ])
    }

    @Test func `what nobody needs any more is given up`() async throws {
        let counts = try await queue(.init(retryFor: .milliseconds(1)), ids: 0..<3, away: true)
        #expect(counts == ["cache.invalidations.queued": 3, "cache.invalidations.abandoned": 3])
    }
}

/// The near cache's: news come when they come, so these are compared with the cache's own figures.
@Suite struct NearMetricsTests {
    @Test func `a near hit is counted as such only, with a value or a known absence`() async throws {
        try await withMetrics { stage in
            let redis = stage.client(stage.server.patient())
            let cache = try await RedisCache.near(redis, prefix: "app").with {
                $0.timeout = .seconds(60)
                $0.remember.negativeTTL = .seconds(600)
            }
            try await cache.set("a", "1")
            try await cache.warm("a", "1")
            _ = try await cache.remember("b") { () -> Int? in nil }
            try await eventually("the absence is kept") {
                let hits = cache.figures.hits
                let absent = try await cache.get("b", as: Int.self)
                #expect(absent == nil)
                return cache.figures.hits > hits
            }
            #expect(stage.counts["cache.near.hits"] == cache.figures.hits)
            // The news of the writes above may come late, also after a near hit, and drop what is near.
            try await eventually("forty reads are forty near hits, and nothing else") {
                let before = stage.counts
                for _ in 0..<10 {
                    #expect(try await cache.get("a", as: String.self) == "1")
                    #expect(try await cache.get("b", as: Int.self) == nil)
                    #expect(try await cache.getMany(["a"], as: String.self) == ["a": "1"])
                    let absent = try await cache.remember("b") { () -> Int? in 7 }
                    #expect(absent == nil)
                }
                let more = stage.counts.merging(before) { $0 - $1 }.filter { $0.value != 0 }
                return more == ["cache.near.hits": 40]
            }
            #expect(stage.counts["cache.near.hits"] == cache.figures.hits)
        }
    }

    @Test func `every time that all is dropped is counted: connecting, losing, FLUSHALL`() async throws {
        try await withMetrics { stage in
            let redis = stage.client(stage.server.patient())
            let cache = try await RedisCache.near(redis, prefix: "app")
            func agrees(_ least: Int) async throws {
                try await eventually("\(least) flushes are counted") {
                    let count = stage.counts["cache.near.flushes"] ?? 0
                    return count >= least && count == cache.figures.flushes
                }
            }
            try await agrees(1)
            let connected = cache.figures.flushes
            try stage.server("FLUSHALL")
            try await agrees(connected + 1)
            let flushed = cache.figures.flushes
            try stage.server("CLIENT", "KILL", "TYPE", "pubsub")
            try await agrees(flushed + 2)
            try await cache.untilNear(.tracking)
        }
    }
}
