/// Something that runs by itself between `start` and `stop` and counts finished operations.
protocol Workload: AnyObject, Sendable {
    /// Operations finished since the workload was made; read from any thread.
    var completed: Int { get }
    /// Sampled latencies since the last call; empty where nothing is sampled.
    func takeLatencies() -> Histogram
    func start() throws
    /// Starts nothing new, waits for what is in flight, reports what went wrong.
    func stop() throws
}

extension Workload {
    func takeLatencies() -> Histogram { Histogram() }
}

/// A sentence for the person who runs the benchmarks.
struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
