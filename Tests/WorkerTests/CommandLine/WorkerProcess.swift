import Foundation
import Synchronization
import TestSupport
import Testing

/// The built `worker` as a process of its own, its outputs in files.
final class WorkerProcess: Sendable {
    private let process: Process
    private let folder: String
    private let status = Mutex<Int32?>(nil)

    private init(_ arguments: [String], environment: [String: String], input: String?, folder: String) throws {
        self.folder = folder
        process = Process()
        process.executableURL = try builtProgram("worker")
        process.arguments = arguments
        var inherited = ProcessInfo.processInfo.environment
        inherited["REDIS_URL"] = nil
        process.environment = inherited.merging(environment) { $1 }
        for (name, text) in [("out", ""), ("err", ""), ("in", input ?? "")] {
            _ = FileManager.default.createFile(atPath: "\(folder)/\(name)", contents: Data(text.utf8))
        }
        process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: "\(folder)/in"))
        process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/out"))
        process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/err"))
        process.terminationHandler = { process in
            let byExit = process.terminationReason == .exit
            self.status.withLock { $0 = process.terminationStatus + (byExit ? 0 : 128) }
        }
        try process.run()
    }

    /// Runs the worker while `body` does; what is left of it afterwards is killed.
    static func with<T>(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil,
        _ body: (WorkerProcess) async throws -> T
    ) async throws -> T {
        let folder = NSTemporaryDirectory() + "worker-test-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let process = try WorkerProcess(arguments, environment: environment, input: input, folder: folder)
        defer { if process.exitCode == nil { process.send(SIGKILL) } }
        return try await body(process)
    }

    /// Runs it to its end.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil
    ) async throws -> (code: Int32, output: String, errors: String) {
        try await with(arguments, environment: environment, input: input) { process in
            (try await process.end(), process.output, process.errors)
        }
    }

    var exitCode: Int32? { status.withLock { $0 } }
    var output: String { text("out") }
    var errors: String { text("err") }

    func send(_ signal: Int32) { kill(process.processIdentifier, signal) }

    /// Waits for its end and tells the exit code, 128 more than the signal if one ended it.
    func end() async throws -> Int32 {
        try await eventually("the end of the worker", within: .seconds(60)) { exitCode != nil }
        return try #require(exitCode)
    }

    /// Waits for a text in its log.
    func logs(_ text: String) async throws {
        try await eventually("'\(text)' in the log", within: .seconds(60)) {
            errors.contains(text) || exitCode != nil
        }
        try #require(errors.contains(text), "\(errors)")
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)) ?? ""
    }
}
