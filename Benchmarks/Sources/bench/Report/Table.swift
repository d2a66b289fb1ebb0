import Foundation

/// The results for a person: one row per case, each ratio beside its bar.
struct Table {
    let results: [CaseResult]

    var text: String {
        let rows = [Self.header] + results.map(Self.row)
        let widths = Self.header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map { column, cell in
                column == 0
                    ? cell.padding(toLength: widths[0], withPad: " ", startingAt: 0)
                    : String(repeating: " ", count: widths[column] - cell.count) + cell
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static let header = [
        "case", "ops/s", "floor", "ratio", "bar", "", "CPU µs", "floor", "await", "ratio", "bar", "", "p50 µs",
        "p99 µs",
    ]

    private static func row(_ result: CaseResult) -> [String] {
        let bar = result.entry.bar
        let isFast = (result.throughputRatio ?? 0) >= bar.throughput
        let isLean = (result.cpuRatio ?? .infinity) <= bar.cpu
        return [
            result.entry.name,
            format(result.operationsPerSecond, 0), format(result.floorOperationsPerSecond, 0),
            format(result.throughputRatio, 2), "≥ \(bar.throughput)", isFast ? "ok" : "below",
            format(result.cpu, 2), format(result.floorCPU, 2), format(result.awaitCPU, 2), format(result.cpuRatio, 2),
            "≤ \(bar.cpu)", isLean ? "ok" : "above",
            format(result.p50, 1), format(result.p99, 1),
        ]
    }

    private static func format(_ number: Double?, _ digits: Int) -> String {
        guard let number else { return "–" }
        return String(format: "%.\(digits)f", number)
    }
}
