import Testing

@testable import Coordination

/// A failing seed is replayed by naming it here.
@Suite struct ElectionSimulationTests {
    private static let calm = ElectionSimulation.Faults(lossPercent: 0, pausePercent: 0, slowest: .milliseconds(5))

    @Test(arguments: UInt64(1)...120)
    func `never two leaders, and always one soon after the faults`(seed: UInt64) throws {
        // Within what a lease allows for: 1 % in either direction.
        let speeds: [Int64] = [1_000, 1_008, 992]
        let faults = ElectionSimulation.Faults(
            lossPercent: seed % 3 * 10, pausePercent: seed % 4 * 2, serverSpeed: speeds[Int(seed / 12) % 3])
        var simulation = try ElectionSimulation(seed: seed, candidates: 2 + Int(seed % 4), faults: faults)
        simulation.run(for: .seconds(600), faults)
        #expect(simulation.violations == [])
        var calm = Self.calm
        calm.serverSpeed = faults.serverSpeed
        // What was lost before is given up within 2 s; then lease, retry and its jitter.
        simulation.run(for: .seconds(2 + 15 + 2.4 + 0.1) * 1.01, calm)
        #expect(simulation.violations == [])
        let led = simulation.lastLed
        simulation.run(for: .seconds(1), calm)
        #expect(simulation.lastLed > led, "somebody leads")
        #expect(!simulation.terms.isEmpty)
    }

    @Test func `the simulation finds a clock that runs faster than a lease allows for`() throws {
        let faults = ElectionSimulation.Faults(lossPercent: 20, pausePercent: 5, serverSpeed: 1_400)
        let found = try (UInt64(1)...20).contains { seed in
            var simulation = try ElectionSimulation(seed: seed, candidates: 4, faults: faults)
            simulation.run(for: .seconds(600), faults)
            return !simulation.violations.isEmpty
        }
        #expect(found)
    }

    @Test func `a seed replays`() throws {
        let faults = ElectionSimulation.Faults()
        let runs = try (0..<2).map { _ in
            var simulation = try ElectionSimulation(seed: 42, candidates: 3, faults: faults)
            simulation.run(for: .seconds(900), faults)
            return simulation.terms
        }
        #expect(runs[0] == runs[1])
    }
}
