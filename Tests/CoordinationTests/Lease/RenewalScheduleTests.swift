import RedisCore
import Testing

@testable import Coordination

@Suite struct RenewalScheduleTests {
    private let start = Moment.now

    @Test func `entries come out in the order of their time`() {
        var schedule = RenewalSchedule<Int>()
        for number in [5, 1, 4, 2, 3] { _ = schedule.add(number, at: start + .seconds(number)) }
        #expect(schedule.earliest == start + .seconds(1))
        var taken: [Int] = []
        while let entry = schedule.takeDue(start + .seconds(4)) { taken.append(entry.element) }
        #expect(taken == [1, 2, 3, 4])
        #expect(schedule.earliest == start + .seconds(5))
        #expect(schedule.count == 5)
    }

    @Test func `a removed entry never comes out and its slot is used again`() {
        var schedule = RenewalSchedule<Int>()
        let first = schedule.add(1, at: start)
        #expect(schedule.remove(first) == true)
        #expect(schedule.remove(first) == false)
        let second = schedule.add(2, at: start + .seconds(1))
        schedule.reschedule(first, at: start)
        #expect(schedule.takeDue(start) == nil)
        #expect(schedule.takeDue(start + .seconds(1))?.element == 2)
        #expect(schedule.remove(second) == true)
        #expect(schedule.isEmpty == true)
    }

    @Test func `an entry taken out sleeps until it is put back`() {
        var schedule = RenewalSchedule<Int>()
        _ = schedule.add(1, at: start)
        let taken = schedule.takeDue(start)
        #expect(schedule.takeDue(start + .seconds(9)) == nil)
        if let taken { schedule.reschedule(taken.id, at: start + .seconds(2)) }
        #expect(schedule.takeDue(start + .seconds(2))?.element == 1)
    }

    @Test func `hurry makes everything due`() {
        var schedule = RenewalSchedule<Int>()
        for number in 1...10 { _ = schedule.add(number, at: start + .seconds(number)) }
        schedule.hurry(to: start)
        var taken: Set<Int> = []
        while let entry = schedule.takeDue(start) { taken.insert(entry.element) }
        #expect(taken == Set(1...10))
    }

    @Test func `the earliest can be taken before its time, and put back where it was`() {
        var schedule = RenewalSchedule<Int>()
        for number in [3, 1, 2] { _ = schedule.add(number, at: start + .seconds(number)) }
        guard let first = schedule.takeEarliest(), let second = schedule.takeEarliest() else {
            return #expect(Bool(false))
        }
        #expect([first.element, second.element] == [1, 2])
        #expect(first.at == start + .seconds(1))
        #expect(schedule.earliest == start + .seconds(3))
        schedule.reschedule(first.id, at: first.at)
        #expect(schedule.earliest == start + .seconds(1))
        schedule.remove(second.id)
        #expect(schedule.count == 2)
    }

    /// Against a plain array, with the operations in random order.
    @Test(arguments: 0..<20)
    func `it agrees with a sorted list`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var schedule = RenewalSchedule<Int>()
        var model: [(id: RenewalSchedule<Int>.ID, element: Int, at: Int)] = []
        for step in 0..<500 {
            switch Int.random(in: 0..<4, using: &random) {
            case 0, 1:
                let at = Int.random(in: 0..<1_000, using: &random)
                model.append((schedule.add(step, at: start + .seconds(at)), step, at))
            case 2:
                guard let victim = model.indices.randomElement(using: &random) else { continue }
                #expect(schedule.remove(model[victim].id) == true)
                model.remove(at: victim)
            default:
                guard let moved = model.indices.randomElement(using: &random) else { continue }
                model[moved].at = Int.random(in: 0..<1_000, using: &random)
                schedule.reschedule(model[moved].id, at: start + .seconds(model[moved].at))
            }
            #expect(schedule.earliest == model.map(\.at).min().map { start + .seconds($0) })
        }
        #expect(schedule.count == model.count)
    }
}
