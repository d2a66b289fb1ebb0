import Foundation
import Synchronization

/// Runs one body in N tasks, on the given executor or in Swift's global pool.
///
/// The body holds the loop itself (`while run.next() { … }`), so that between the task and the call that is measured
/// lies nothing but that loop.
final class TaskWorkload: Workload {
    private let runs: [TaskRun]
    private let executor: (any TaskExecutor)?
    private let body: @Sendable (TaskRun) async throws -> Void
    private let stopping = StopFlag()
    private let finished = DispatchSemaphore(value: 0)
    private let firstError = Mutex<(any Error)?>(nil)

    /// A workload of `tasks` tasks; one turn of the body's loop counts as `stepSize` operations.
    init(
        tasks: Int, executor: (any TaskExecutor)?, stepSize: Int = 1,
        _ body: @escaping @Sendable (TaskRun) async throws -> Void
    ) {
        self.executor = executor
        self.body = body
        let stopping = self.stopping
        runs = (0..<tasks).map {
            TaskRun(number: $0, stepSize: stepSize, samplesMore: tasks < 16, stopping: stopping)
        }
    }

    var completed: Int { runs.reduce(0) { $0 + $1.operations.load(ordering: .relaxed) } }

    func takeLatencies() -> Histogram { runs.reduce(into: Histogram()) { $0.add($1.takeLatencies()) } }

    func start() {
        stopping.value.store(false, ordering: .relaxed)
        Task(executorPreference: executor) { [self] in
            await withDiscardingTaskGroup { group in
                for run in runs {
                    group.addTask(executorPreference: executor) { [self] in
                        do {
                            try await body(run)
                        } catch {
                            firstError.withLock { $0 = $0 ?? error }
                            stopping.value.store(true, ordering: .relaxed)
                        }
                    }
                }
            }
            finished.signal()
        }
    }

    func stop() throws {
        stopping.value.store(true, ordering: .relaxed)
        finished.wait()
        if let error = firstError.withLock({ $0 }) { throw error }
    }
}

/// One task's turns: counts them, and times one in 16, or in 64 where they are short: two readings of the clock would
/// weigh on them.
///
/// Only its task calls `next`, so relaxed loads and stores are enough; `operations` is read by the measuring thread.
final class TaskRun: Sendable {
    /// 0 for the first task, and so on.
    let number: Int
    let operations = Atomic<Int>(0)
    private let stepSize: Int
    private let mask: Int
    private let stopping: StopFlag
    private let steps = Atomic<Int>(0)
    private let latencies = Mutex((begin: UInt64(0), histogram: Histogram()))

    fileprivate init(number: Int, stepSize: Int, samplesMore: Bool, stopping: StopFlag) {
        self.number = number
        self.stepSize = stepSize
        mask = samplesMore ? 15 : 63
        self.stopping = stopping
    }

    /// Notes that the last turn is done, if there was one; false when there shall be no further turn.
    func next() -> Bool {
        let step = steps.load(ordering: .relaxed)
        if step > 0 { operations.store(operations.load(ordering: .relaxed) + stepSize, ordering: .relaxed) }
        if step & mask <= 1 { time(isEnd: step & mask == 1) }
        guard !stopping.value.load(ordering: .relaxed) else {
            steps.store(0, ordering: .relaxed)
            return false
        }
        steps.store(step + 1, ordering: .relaxed)
        return true
    }

    private func time(isEnd: Bool) {
        let now = DispatchTime.now().uptimeNanoseconds
        latencies.withLock { latencies in
            if isEnd { latencies.histogram.add(nanoseconds: now - latencies.begin) }
            latencies.begin = now
        }
    }

    fileprivate func takeLatencies() -> Histogram {
        latencies.withLock { latencies in
            defer { latencies.histogram = Histogram() }
            return latencies.histogram
        }
    }
}

private final class StopFlag: Sendable {
    let value = Atomic<Bool>(false)
}
