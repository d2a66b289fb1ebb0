import RedisCore
import Testing

@testable import EventBus

@Suite("Dispatch machine")
struct DispatchMachineTests {
    private typealias Machine = DispatchMachine<Int>

    private func jobs(_ values: (Int, String?)...) -> [Machine.Assignment] {
        values.map { Machine.Assignment(job: $0.0, key: $0.1) }
    }

    @Test func `as many lanes start as there are jobs, and never more than the limit`() {
        var machine = Machine(concurrency: 3, window: 10)
        #expect(machine.admit(jobs((1, nil), (2, nil))) == 2)
        #expect(machine.admit(jobs((3, nil), (4, nil), (5, nil))) == 1)
        #expect(machine.activeLanes == 3)
        #expect(machine.queued == 5)
    }

    @Test func `a lane that was asked for and has not begun is not asked for again`() {
        var machine = Machine(concurrency: 8, window: 10)
        #expect(machine.admit(jobs((1, nil))) == 1)
        #expect(machine.admit(jobs((2, nil))) == 1)
        #expect(machine.laneStarted().assignment?.job == 1)
        #expect(machine.laneStarted().assignment?.job == 2)
        #expect(machine.admit([]) == 0)
    }

    @Test func `a lane takes job after job and ends without one`() {
        var machine = Machine(concurrency: 1, window: 10)
        #expect(machine.admit(jobs((1, nil), (2, nil))) == 1)
        #expect(machine.laneStarted().assignment?.job == 1)
        #expect(machine.laneFinished(key: nil).assignment?.job == 2)
        #expect(machine.laneFinished(key: nil).assignment == nil)
        #expect(machine.activeLanes == 0)
        #expect(machine.admit(jobs((3, nil))) == 1)
    }

    @Test func `jobs of one key run one at a time in their order, other keys overtake`() {
        var machine = Machine(concurrency: 4, window: 10)
        #expect(machine.admit(jobs((1, "a"), (2, "a"), (3, "b"), (4, "a"))) == 2)
        #expect(machine.laneStarted().assignment?.job == 1)
        #expect(machine.laneStarted().assignment?.job == 3)
        #expect(machine.queued == 2)
        #expect(machine.laneFinished(key: "b").assignment == nil)
        #expect(machine.laneFinished(key: "a").assignment?.job == 2)
        #expect(machine.laneFinished(key: "a").assignment?.job == 4)
        #expect(machine.laneFinished(key: "a").assignment == nil)
        #expect(machine.activeLanes == 0)
    }

    @Test func `a busy key does not starve the others`() {
        var machine = Machine(concurrency: 1, window: 10)
        _ = machine.admit(jobs((1, "a"), (2, "a"), (3, "b"), (4, "a")))
        #expect(machine.laneStarted().assignment?.job == 1)
        #expect(machine.laneFinished(key: "a").assignment?.job == 3)
        #expect(machine.laneFinished(key: "b").assignment?.job == 2)
    }

    @Test func `the receiver waits when the window is full and is woken at half of it, once`() {
        var machine = Machine(concurrency: 1, window: 4)
        #expect(machine.receiverStep() == .receive(limit: 4))
        _ = machine.admit(jobs((1, nil), (2, nil), (3, nil), (4, nil)))
        #expect(machine.receiverStep() == .wait)
        #expect(!machine.laneStarted().wakesReceiver)
        #expect(machine.laneFinished(key: nil).wakesReceiver)
        #expect(!machine.laneFinished(key: nil).wakesReceiver)
        #expect(machine.receiverStep() == .receive(limit: 3))
    }

    @Test func `jobs that wait for their key count in the window`() {
        var machine = Machine(concurrency: 9, window: 3)
        _ = machine.admit(jobs((1, "a"), (2, "a"), (3, "a")))
        #expect(machine.laneStarted().assignment?.job == 1)
        #expect(machine.receiverStep() == .receive(limit: 1))
        _ = machine.admit(jobs((4, "a")))
        #expect(machine.receiverStep() == .wait)
    }

    @Test func `stopping gives up what is queued, ends lanes, wakes the receiver, and takes nothing more`() {
        var machine = Machine(concurrency: 1, window: 3)
        _ = machine.admit(jobs((1, "a"), (2, "a"), (3, nil)))
        _ = machine.laneStarted()
        _ = machine.admit(jobs((4, nil)))
        #expect(machine.receiverStep() == .wait)
        #expect(machine.stop() == true)
        #expect(machine.stop() == false)
        #expect(machine.forgotten.sorted() == [2, 3, 4])
        #expect(machine.receiverStep() == .stop)
        #expect(machine.admit(jobs((5, nil))) == 0)
        #expect(machine.forgotten.sorted() == [2, 3, 4, 5])
        #expect(machine.laneFinished(key: "a").assignment == nil)
        #expect(machine.activeLanes == 0 && machine.queued == 0)
    }

    /// Random walks: whatever the order of events, no job is lost or run twice, no key overlaps, no limit is exceeded.
    @Test(arguments: 0..<40)
    func `invariants hold in any order of events`(_ seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        let concurrency = Int.random(in: 1...5, using: &random)
        var machine = Machine(concurrency: concurrency, window: 12)
        var pendingLanes = 0
        var running: [Machine.Assignment] = []
        var done: [Machine.Assignment] = []
        var next = 0
        func begin(_ step: Machine.LaneStep) {
            guard let assignment = step.assignment else { return }
            if let key = assignment.key { #expect(!running.contains { $0.key == key }) }
            running.append(assignment)
        }
        while next < 400 || pendingLanes > 0 || !running.isEmpty {
            switch Int.random(in: 0..<3, using: &random) {
            case 0:
                guard next < 400, case .receive(let limit) = machine.receiverStep() else { continue }
                let batch = (0..<Int.random(in: 1...limit, using: &random)).map { offset in
                    let key = ["a", "b", "c", nil].randomElement(using: &random) ?? nil
                    return Machine.Assignment(job: next + offset, key: key)
                }
                next += batch.count
                pendingLanes += machine.admit(batch)
            case 1 where pendingLanes > 0:
                pendingLanes -= 1
                begin(machine.laneStarted())
            case 2 where !running.isEmpty:
                let finished = running.remove(at: Int.random(in: running.indices, using: &random))
                done.append(finished)
                begin(machine.laneFinished(key: finished.key))
            default: break
            }
            #expect(running.count + pendingLanes <= concurrency)
            #expect(machine.queued <= 12)
        }
        #expect(machine.queued == 0)
        #expect(done.map(\.job).sorted() == Array(0..<next))
        for key in ["a", "b", "c"] {
            let order = done.filter { $0.key == key }.map(\.job)
            #expect(order == order.sorted())
        }
    }
}
