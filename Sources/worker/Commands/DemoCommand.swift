import ArgumentParser
import Foundation

/// `worker demo`: three workers, a thousand events, one kill -9, and the proof that nothing was lost or done twice.
struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows three workers handle a thousand events exactly once while one of them is killed.",
        discussion: """
            Example:    worker demo --json | jq '.lost + .double'
            Needs redis-server and nothing else; starts its own, and leaves nothing behind. The verdict comes from what
            the handlers wrote. Exit code 70 when it does not hold.
            """)

    @Option(
        help: ArgumentHelp(
            "Other orders: one JSON object with a unique \"id\" a line, 100 or more.", valueName: "path"),
        completion: .file(extensions: ["ndjson", "jsonl"]))
    var file: String?
    @Flag(help: "Print one JSON object at the end and nothing else.") var json = false
    @Flag(name: .customLong("print-events"), help: "Print the built-in events and end.") var printEvents = false

    func run() async throws {
        if printEvents {
            Terminal.write(OrderStream.ndjson(), to: STDOUT_FILENO)
            return
        }
        let input = try DemoInput.load(file)
        let start = ContinuousClock.now
        let verdict = try await untilInterrupted { [json] in
            let display = DemoDisplay(mode: json ? .silent : Terminal.outputIsTerminal ? .table : .lines)
            do {
                return try await DemoRun(input: input, display: display).run()
            } catch {
                display.erase()
                throw error
            }
        }
        let seconds = (ContinuousClock.now - start).inSeconds
        Terminal.print(
            json
                ? verdict.json(seconds: seconds).json
                : DemoDisplay.summary(verdict, seconds: seconds, style: .output))
        if !verdict.holds { throw ExitStatus.software }
    }

    /// The first ctrl-C or SIGTERM cancels `body`, which cleans up; a second one ends at once.
    private func untilInterrupted(
        _ body: @escaping @Sendable () async throws -> DemoVerdict
    ) async throws -> DemoVerdict {
        let watcher = SignalWatcher([.interrupt, .terminate])
        let work = Task { try await body() }
        let listening = Task {
            var first: WorkerSignal?
            for await signal in watcher.signals {
                if first != nil { _exit(128 + SignalWatcher.number(of: signal)) }
                first = signal
                work.cancel()
            }
            return first
        }
        let result = await work.result
        listening.cancel()
        if let signal = await listening.value {
            Terminal.printError("worker: interrupted; everything it started has ended")
            Foundation.exit(128 + SignalWatcher.number(of: signal))
        }
        do {
            return try result.get()
        } catch {
            throw Failure(error)
        }
    }
}
