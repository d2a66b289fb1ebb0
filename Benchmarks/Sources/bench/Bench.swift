import ArgumentParser
import Foundation

@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures the client against raw hiredis callbacks in the same run.",
        discussion: """
            One JSON object per line and case on standard output; on a terminal also a table.

            bench                                    every case and figure
            bench --case 'get.*.loop'                some of them
            bench --profile get.64.loop              the client's side alone, for callgrind or perf
            """)

    @Option(name: .customLong("case"), help: "Only cases and figures whose name matches this shell pattern.")
    var pattern = "*"

    @Option(help: "Interleaved rounds per case: floor, await and client in turn.")
    var rounds = 5

    @Option(help: "Seconds per round and side.")
    var seconds = 0.6

    @Option(help: "Run one side of one case alone for a fixed number of operations.")
    var profile: String?

    @Option(help: "Which side to run with --profile: client, floor or await.")
    var side = Side.client

    @Option(help: "How many operations to run with --profile.")
    var operations = 200_000

    @Option(help: "Use the redis-server on this loopback port instead of starting a private one.")
    var port: Int?

    @Option(help: "The worker executable, for the figures that start one.")
    var worker: String?

    @Option(help: ArgumentHelp("Be one of the processes of a hand-off figure.", visibility: .private))
    var contender: String?
    @Option(help: ArgumentHelp("Lead an election on this port until killed.", visibility: .hidden))
    var lead: Int?

    @Flag(help: "Print the names and what they measure.")
    var list = false

    func validate() throws {
        guard rounds > 0 else { throw ValidationError("--rounds must be 1 or more") }
        guard seconds > 0 else { throw ValidationError("--seconds must be more than 0") }
        guard operations > 0 else { throw ValidationError("--operations must be 1 or more") }
    }

    func run() throws {
        if list {
            for entry in BenchmarkCase.all { print("\(entry.name)\t\(entry.summary)") }
            for figure in Figure.all { print("\(figure.name)\t\(figure.summary)") }
            return
        }
        if let contender {
            guard let kind = Contender.Kind(rawValue: contender), let port else {
                throw ValidationError("--contender needs a kind and --port")
            }
            return try Contender.run(kind, port: port)
        }
        if let lead { return try ElectionFigures.lead(port: lead) }
        let environment = try Environment(port: port, worker: worker)
        defer { environment.stop() }
        if let profile {
            guard let entry = BenchmarkCase.all.first(where: { $0.name == profile }) else {
                throw ValidationError("no case is called \(profile); see --list")
            }
            try Profile(entry: entry, side: side, operations: operations).run(environment)
        } else {
            try Runner(selection: Selection(pattern: pattern), rounds: rounds, seconds: seconds).run(environment)
        }
    }
}
