import RedisCore
import TestSupport
import Testing

@testable import Cache

/// T7: reads, loads and invalidations in every order, each at every point where the code awaits.
///
/// No call gets a value older than the last invalidation that was complete before it began. A failing seed replays.
@Suite struct RememberInterleavingTests {
    /// Every order of the steps, depth first.
    private struct Explorer {
        var runs = 0
        var loads: Set<Int> = []
        var violations: [String] = []

        mutating func explore(_ world: RememberWorld<ModelServer>) async throws {
            let actors = world.next()
            guard !actors.isEmpty, violations.isEmpty else {
                runs += 1
                loads.insert(world.loads)
                violations += world.violations
                return
            }
            for actor in actors {
                var copy = world
                try await copy.take(actor)
                try await explore(copy)
            }
        }
    }

    @Test(arguments: SimInvalidation.allCases)
    func `one call and one invalidation in every order`(how: SimInvalidation) async throws {
        var explorer = Explorer()
        try await explorer.explore(RememberWorld(ModelServer(), processes: 1, calls: [0], writers: [how]))
        #expect(explorer.violations == [])
        #expect(explorer.runs > 200)
    }

    private func two(_ how: SimInvalidation, _ flaw: SimFlaw? = nil) -> RememberWorld<ModelServer> {
        var world = RememberWorld(ModelServer(), processes: 1, calls: [0, 0], writers: [how])
        world.writesAtOnce = true
        world.flaw = flaw
        return world
    }

    @Test(arguments: SimInvalidation.allCases)
    func `two calls of one process and one invalidation in every order`(how: SimInvalidation) async throws {
        var explorer = Explorer()
        try await explorer.explore(two(how))
        #expect(explorer.violations == [])
        #expect(explorer.runs > 10_000)
    }

    @Test func `two calls of one process in every order are one load`() async throws {
        var explorer = Explorer()
        try await explorer.explore(RememberWorld(ModelServer(), processes: 1, calls: [0, 0], writers: []))
        #expect(explorer.violations == [])
        // One that begins while the other's value is being stored looks again and finds it.
        #expect(explorer.loads == [1])
        #expect(explorer.runs > 400)
    }

    /// Random orders, with lost replies, throwing loads and ageing values if asked for; nil when all is well.
    private func run<Server: FillServer>(
        _ world: RememberWorld<Server>, seed: UInt64, faults: Int = 0
    ) async throws -> [String] {
        var world = world
        var random = SplitMix(seed: seed)
        for _ in 0..<5_000 {
            let actors = world.next()
            guard let actor = actors.randomElement(using: &random) else { return world.violations }
            let isFault = faults > 0 && Int.random(in: 0..<100, using: &random) < faults
            try await world.take(actor, isFault: isFault)
        }
        return ["the run does not end"]
    }

    private func world() -> RememberWorld<ModelServer> {
        var world = RememberWorld(
            ModelServer(), processes: 2, calls: [0, 0, 0, 1, 1, 0, 1, 0], writers: [.delete, .tag, .delete, .tag])
        world.agings = 3
        return world
    }

    @Test(arguments: [0, 10])
    func `eight calls of two processes, four invalidations and the ageing of values in random orders`(
        faults: Int
    ) async throws {
        for seed in 0..<1_500 as Range<UInt64> {
            let violations = try await run(world(), seed: seed, faults: faults)
            guard violations.isEmpty else {
                Issue.record("seed \(seed): \(violations)")
                return
            }
        }
    }

    @Test(arguments: SimFlaw.allCases)
    func `the checker notices an implementation without one of the guards`(flaw: SimFlaw) async throws {
        var found: [String] = []
        for how in SimInvalidation.allCases {
            var explorer = Explorer()
            try await explorer.explore(two(how, flaw))
            found += explorer.violations
        }
        #expect(!found.isEmpty)
    }

    @Test func `the same on the real scripts, step by step`() async throws {
        try await withRedis { _, redis in
            for seed in 0..<150 as Range<UInt64> {
                let world = RememberWorld(
                    try RealServer(redis, "run-\(seed)"), processes: 2, calls: [0, 0, 1, 1, 0],
                    writers: [.delete, .tag])
                let violations = try await run(world, seed: seed, faults: seed.isMultiple(of: 2) ? 10 : 0)
                #expect(violations == [], "seed \(seed)")
            }
        }
    }
}
