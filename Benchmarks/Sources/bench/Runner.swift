import Foundation

/// Runs the chosen cases and figures one after the other and prints each as soon as it is known.
struct Runner {
    let selection: Selection
    let rounds: Int
    let seconds: Double

    func run(_ environment: Environment) throws {
        remark(Machine.description)
        var results: [CaseResult] = []
        for entry in BenchmarkCase.all where selection.contains(entry.name) {
            let result = try run(entry, environment)
            result.line.print()
            results.append(result)
        }
        for figure in Figure.all where selection.contains(figure.name) {
            guard let numbers = try figure.measure(environment) else { continue }
            JSONLine(case: figure.name, numbers).print()
        }
        if isatty(STDOUT_FILENO) == 1, !results.isEmpty { print("\n" + Table(results: results).text) }
    }

    private func run(_ entry: BenchmarkCase, _ environment: Environment) throws -> CaseResult {
        remark("\(entry.name): \(entry.summary) (load \(Machine.load))")
        let floor = try entry.floor(environment)
        let suspension = entry.suspension(environment)
        let client = try entry.client(environment)
        return CaseResult(
            entry: entry,
            rounds: try (0..<rounds).map { _ in
                CaseResult.Round(
                    floor: try Sample.take(of: floor, seconds: seconds),
                    suspension: try Sample.take(of: suspension, seconds: seconds),
                    client: try Sample.take(of: client, seconds: seconds))
            })
    }
}

/// Which names a run is about: a shell pattern, or part of a name.
struct Selection {
    let pattern: String

    func contains(_ name: String) -> Bool { name.contains(pattern) || fnmatch(pattern, name, 0) == 0 }
}

/// What a reader of the figures has to know about where they come from.
enum Machine {
    static var description: String {
        "\(ProcessInfo.processInfo.activeProcessorCount) cores, \(ProcessInfo.processInfo.operatingSystemVersionString)"
    }

    /// Runnable processes averaged over the last minute: the figures of a busy machine deserve a second run.
    static var load: String {
        var averages = [0.0, 0.0, 0.0]
        return getloadavg(&averages, 3) == 3 ? String(format: "%.2f", averages[0]) : "unknown"
    }
}
