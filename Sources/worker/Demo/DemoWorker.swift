import Foundation
import Synchronization

/// One `worker run` process of the demonstration.
final class DemoWorker: Sendable {
    let name: String
    private let processID = Mutex<Int32?>(nil)
    private let lines = Mutex<[String]>([])
    private let ending = Mutex<Program.Ending?>(nil)

    init(name: String) { self.name = name }

    /// Runs the process to its end; cancellation ends it.
    func run(folder: DemoFolder, redis: String, programs: ProgramRunner) async {
        let program = Program(
            command: [
                DemoInput.executable, "run", "--config", folder.configurationFile, "--log-level", "notice",
            ],
            environment: folder.environment(worker: name, redis: redis), timeout: .seconds(3_600),
            grace: .seconds(12))
        let ending = await programs.run(
            program, onStart: { id in self.processID.withLock { $0 = id } },
            onLine: { _, line in
                self.lines.withLock { lines in
                    lines.append(line)
                    if lines.count > 40 { lines.removeFirst() }
                }
            })
        self.ending.withLock { $0 = ending }
    }

    var hasEnded: Program.Ending? { ending.withLock { $0 } }

    /// The last lines that it logged.
    var lastLines: [String] { lines.withLock { $0 } }

    func send(_ signal: Int32) {
        guard hasEnded == nil, let processID = processID.withLock({ $0 }) else { return }
        kill(processID, signal)
    }
}
