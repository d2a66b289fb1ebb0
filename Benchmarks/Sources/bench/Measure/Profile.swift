import ArgumentParser
import Foundation

/// The three columns of a case.
enum Side: String, CaseIterable, ExpressibleByArgument {
    case client, floor, await
}

/// One side of a case alone, for a fixed number of operations, so that callgrind or perf sees nothing else.
struct Profile {
    let entry: BenchmarkCase
    let side: Side
    let operations: Int

    func run(_ environment: Environment) throws {
        let workload =
            switch side {
            case .client: try entry.client(environment)
            case .floor: try entry.floor(environment)
            case .await: entry.suspension(environment)
            }
        let begin = Reading(operations: workload.completed)
        try workload.start()
        while workload.completed < operations { Thread.sleep(forTimeInterval: 0.005) }
        let end = Reading(operations: workload.completed)
        try workload.stop()
        let count = Double(end.operations - begin.operations)
        JSONLine(
            case: entry.name,
            [
                ("operations", Double(workload.completed)), ("ops_per_s", count / (end.wall - begin.wall)),
                ("cpu_us_per_op", (end.cpu - begin.cpu) * 1e6 / count),
            ]
        ).print()
    }
}
