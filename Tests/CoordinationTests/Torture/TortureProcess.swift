import Foundation
import TestSupport

/// One of the processes that compete in a torture test, and the history it writes.
final class TortureProcess<Event: Decodable & Sendable>: Sendable {
    let pid: Int32
    private let process: Process
    private let history: HistoryReader<Event>

    /// Starts `program` with the server's address, the arguments, and the path of its history among them.
    init(
        _ program: String, _ server: RedisServer, number: Int, _ arguments: (_ history: String) -> [String]
    ) throws {
        let file = URL(filePath: server.directory).appending(path: "history-\(number).ndjson")
        history = HistoryReader(file)
        process = Process()
        process.executableURL = try builtProgram(program)
        process.arguments = [server.url] + arguments(file.path())
        process.standardInput = FileHandle.nullDevice
        try process.run()
        pid = process.processIdentifier
    }

    func stop() { kill(pid, SIGSTOP) }
    func resume() { kill(pid, SIGCONT) }

    func end() {
        kill(pid, SIGKILL)
        process.waitUntilExit()
    }

    /// What it has written so far, whole lines only.
    func events() throws -> [Event] { try history.events() }
}
