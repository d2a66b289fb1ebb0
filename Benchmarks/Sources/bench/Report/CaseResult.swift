/// What the rounds of one case came to: medians, the ratios taken within each round, where all sides met the same
/// machine.
struct CaseResult {
    /// One round's three sides.
    struct Round {
        let floor: Sample
        let suspension: Sample
        let client: Sample
    }

    let entry: BenchmarkCase
    let rounds: [Round]

    var operationsPerSecond: Double? { median { $0.client.operationsPerSecond } }
    var cpu: Double? { median { $0.client.cpuMicroseconds } }
    var floorOperationsPerSecond: Double? { median { $0.floor.operationsPerSecond } }
    var floorCPU: Double? { median { $0.floor.cpuMicroseconds } }
    var awaitCPU: Double? { median { $0.suspension.cpuMicroseconds } }
    var throughputRatio: Double? { median { $0.client.operationsPerSecond / $0.floor.operationsPerSecond } }
    var p50: Double? { median { $0.client.latencies.microseconds(atQuantile: 0.5) } }
    var p99: Double? { median { $0.client.latencies.microseconds(atQuantile: 0.99) } }

    /// The client's CPU against the floor's plus the awaits that one operation needs.
    var cpuRatio: Double? {
        median {
            $0.client.cpuMicroseconds / ($0.floor.cpuMicroseconds + entry.awaits * $0.suspension.cpuMicroseconds)
        }
    }

    var line: JSONLine {
        JSONLine(
            case: entry.name,
            [
                ("ops_per_s", operationsPerSecond), ("cpu_us_per_op", cpu),
                ("floor_ops_per_s", floorOperationsPerSecond), ("floor_cpu_us_per_op", floorCPU),
                ("await_cpu_us_per_op", awaitCPU), ("throughput_ratio", throughputRatio), ("cpu_ratio", cpuRatio),
                ("p50_us", p50), ("p99_us", p99),
            ])
    }

    private func median(_ value: (Round) -> Double?) -> Double? { rounds.compactMap(value).median }
}
