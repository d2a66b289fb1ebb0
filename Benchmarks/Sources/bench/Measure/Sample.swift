import Foundation

/// What one round of one workload showed.
struct Sample {
    var operationsPerSecond: Double
    /// Process CPU, user and system, all threads.
    var cpuMicroseconds: Double
    var latencies: Histogram

    /// Runs a workload for a while, a tenth of it as warm-up, and reads the clocks around the rest.
    ///
    /// Blocks the calling thread, which must not be one of Swift's pool: it only sleeps and reads counters.
    static func take(of workload: some Workload, seconds: Double) throws -> Sample {
        try workload.start()
        Thread.sleep(forTimeInterval: seconds / 10)
        _ = workload.takeLatencies()
        let begin = Reading(operations: workload.completed)
        Thread.sleep(forTimeInterval: seconds)
        let end = Reading(operations: workload.completed)
        let latencies = workload.takeLatencies()
        try workload.stop()
        let operations = Double(end.operations - begin.operations)
        guard operations > 0 else { throw BenchmarkError("no operation finished within \(seconds) s") }
        return Sample(
            operationsPerSecond: operations / (end.wall - begin.wall),
            cpuMicroseconds: (end.cpu - begin.cpu) * 1e6 / operations,
            latencies: latencies)
    }
}

/// Clocks and counter at one instant, in seconds.
struct Reading {
    let operations: Int
    let wall: Double
    let cpu: Double

    init(operations: Int) {
        self.operations = operations
        wall = Double(DispatchTime.now().uptimeNanoseconds) / 1e9
        cpu = Reading.processCPU()
    }

    /// User and system time of all threads; POSIX fixes the unit at one µs.
    private static func processCPU() -> Double { Double(clock()) / 1e6 }
}
