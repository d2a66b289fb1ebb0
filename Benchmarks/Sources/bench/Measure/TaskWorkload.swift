import Foundation
import Synchronization

/// One step of a client workload, repeated by every task until the round ends.
protocol Operation: Sendable {
    /// How many operations one step counts as, e.g. 100 for a pipeline of 100.
    var size: Int { get }
    func callAsFunction(task: Int) async throws
}

/// Runs an `Operation` in N tasks, on the given executor or in Swift's global pool.
final class TaskWorkload<Step: Operation>: Workload {
    private let tasks: Int
    private let executor: (any TaskExecutor)?
    private let step: Step
    private let stopping = Atomic<Bool>(false)
    private let counters: [Counter]
    private let finished = DispatchSemaphore(value: 0)
    private let firstError = Mutex<(any Error)?>(nil)

    init(tasks: Int, executor: (any TaskExecutor)?, _ step: Step) {
        self.tasks = tasks
        self.executor = executor
        self.step = step
        counters = (0..<tasks).map { _ in Counter(samplesMore: tasks < 16) }
    }

    var completed: Int { counters.reduce(0) { $0 + $1.operations.load(ordering: .relaxed) } }

    func takeLatencies() -> Histogram {
        counters.reduce(into: Histogram()) { $0.add($1.takeLatencies()) }
    }

    func start() {
        stopping.store(false, ordering: .relaxed)
        Task(executorPreference: executor) { [self] in
            await withDiscardingTaskGroup { group in
                for task in 0..<tasks {
                    group.addTask(executorPreference: executor) { await self.run(task) }
                }
            }
            finished.signal()
        }
    }

    func stop() throws {
        stopping.store(true, ordering: .relaxed)
        finished.wait()
        if let error = firstError.withLock({ $0 }) { throw error }
    }

    private func run(_ task: Int) async {
        let counter = counters[task]
        do {
            while !stopping.load(ordering: .relaxed) {
                if counter.isDue {
                    let begin = DispatchTime.now().uptimeNanoseconds
                    try await step(task: task)
                    counter.add(nanoseconds: DispatchTime.now().uptimeNanoseconds - begin)
                } else {
                    try await step(task: task)
                }
                counter.count(step.size)
            }
        } catch {
            firstError.withLock { $0 = $0 ?? error }
            stopping.store(true, ordering: .relaxed)
        }
    }
}

/// One task's figures: only that task writes `operations`, so a relaxed store is enough.
private final class Counter: Sendable {
    let operations = Atomic<Int>(0)
    private let steps = Atomic<Int>(0)
    private let mask: Int
    private let latencies = Mutex(Histogram())

    /// One step in 64 is timed, or one in 16 where steps are long: two readings of the clock would weigh on short ones.
    init(samplesMore: Bool) { mask = samplesMore ? 15 : 63 }

    var isDue: Bool { steps.load(ordering: .relaxed) & mask == 0 }

    func count(_ size: Int) {
        operations.store(operations.load(ordering: .relaxed) + size, ordering: .relaxed)
        steps.store(steps.load(ordering: .relaxed) + 1, ordering: .relaxed)
    }

    func add(nanoseconds: UInt64) { latencies.withLock { $0.add(nanoseconds: nanoseconds) } }

    func takeLatencies() -> Histogram {
        latencies.withLock { latencies in
            defer { latencies = Histogram() }
            return latencies
        }
    }
}
