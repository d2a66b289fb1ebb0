import Foundation
import Synchronization
import TestSupport
import Testing

@testable import worker

@Suite struct ProgramRunnerTests {
    /// What a program said, and how it ended.
    private final class Transcript: Sendable {
        let lines = Mutex<[String]>([])
        let processID = Mutex<Int32>(0)

        func contains(_ line: String) -> Bool { lines.withLock { $0.contains(line) } }
    }

    private func run(
        _ command: [String], input: String = "", environment: [String: String] = [:],
        timeout: Duration = .seconds(30), grace: Duration = .seconds(10), into transcript: Transcript = Transcript(),
        during body: @escaping @Sendable (Transcript) async throws -> Bool = { _ in false }
    ) async throws -> (Program.Ending, [String]) {
        let ending = try await ProcessGuard.with { processGuard in
            let program = Program(
                command: command, environment: environment, input: Array(input.utf8), timeout: timeout, grace: grace)
            let task = Task {
                await ProgramRunner(processGuard: processGuard).run(
                    program, onStart: { id in transcript.processID.withLock { $0 = id } },
                    onLine: { output, line in transcript.lines.withLock { $0.append("\(output.rawValue) \(line)") } })
            }
            if try await body(transcript) { task.cancel() }
            return await task.value
        }
        return (ending, transcript.lines.withLock { $0 })
    }

    /// What a program is given that has to be at work when its time is over: more, when it was held up.
    private static let timeouts = [Duration.milliseconds(500), .seconds(5), .seconds(20)]

    private func shell(_ script: String) -> [String] { ["/bin/sh", "-c", script] }

    @Test func `a program gets its input and environment, and its lines arrive`() async throws {
        let (ending, lines) = try await run(
            shell("cat; echo \"$WHO\"; echo oops >&2"), input: "{\"id\":1}\n", environment: ["WHO": "me"])
        #expect(ending == .exited(0))
        #expect(lines.filter { $0.hasPrefix("stdout") } == ["stdout {\"id\":1}", "stdout me"])
        #expect(lines.filter { $0.hasPrefix("stderr") } == ["stderr oops"])
    }

    @Test func `the exit code and the signal that ended a program are told`() async throws {
        #expect(try await run(shell("exit 3")).0 == .exited(3))
        #expect(try await run(shell("kill -9 $$")).0 == .signalled(9))
    }

    @Test func `a program that does not read its input is no error, however long that is`() async throws {
        let long = String(repeating: "x", count: 1 << 20)
        #expect(try await run(["true"], input: long).0 == .exited(0))
        #expect(try await run(shell("exec <&-; echo fine"), input: long).0 == .exited(0))
    }

    @Test(arguments: ["/nowhere/program", "no-such-program-anywhere", "/etc/hostname", "/"])
    func `a program that cannot be started says so`(_ name: String) async throws {
        guard case .notStarted = try await run([name]).0 else {
            Issue.record("\(name) was started")
            return
        }
    }

    @Test func `at the timeout the whole group ends, grandchildren that ignore SIGTERM included`() async throws {
        let script = "sh -c 'trap \"\" TERM; echo $$; while :; do sleep 0.1; done' & echo $$; wait"
        for timeout in Self.timeouts {
            let (ending, lines) = try await run(shell(script), timeout: timeout, grace: .milliseconds(200))
            #expect(ending == .timedOut)
            let processes = lines.compactMap { Int32($0.dropFirst("stdout ".count)) }
            try await eventually("both are gone") { processes.allSatisfy { kill($0, 0) != 0 || Self.isZombie($0) } }
            if processes.count == 2 { return }
        }
        Issue.record("the two did not get so far as to tell who they are")
    }

    @Test func `a program may use the grace to end in its own way`() async throws {
        for timeout in Self.timeouts {
            let (ending, lines) = try await run(
                shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"), timeout: timeout,
                grace: .seconds(60))
            #expect(ending == .timedOut)
            guard lines.contains("stdout ready") else { continue }
            #expect(lines.contains("stdout bye"))
            return
        }
        Issue.record("it did not get so far as to say that it is ready")
    }

    @Test func `cancelling the caller ends the program`() async throws {
        let (ending, _) = try await run(shell("echo ready; sleep 600")) { transcript in
            try await eventually("it is running") { transcript.contains("stdout ready") }
            return true
        }
        #expect(ending == .cancelled)
    }

    @Test func `what a program leaves behind in its group is killed when it ends`() async throws {
        let (ending, lines) = try await run(shell("sleep 600 & echo $!"))
        #expect(ending == .exited(0))
        let process = try #require(lines.first.flatMap { Int32($0.dropFirst("stdout ".count)) })
        try await eventually("it is gone") { kill(process, 0) != 0 || Self.isZombie(process) }
    }

    @Test func `the programs of an owner that is killed are killed by its guard`() async throws {
        let group = Mutex<Int32>(0)
        try await ProcessGuard.with { processGuard in
            // A program that is announced and never struck off, as when the owner dies: the guard sees its pipe close.
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/bin/sleep")
            process.arguments = ["600"]
            try process.run()
            try await eventually("it has a group of its own") {
                getpgid(process.processIdentifier) == process.processIdentifier
            }
            await processGuard.watch(1 << 22)
            await processGuard.watch(process.processIdentifier)
            await processGuard.forget(1 << 22)
            group.withLock { $0 = process.processIdentifier }
        }
        let process = group.withLock { $0 }
        try await eventually("it is gone") { kill(process, 0) != 0 || Self.isZombie(process) }
    }

    private static func isZombie(_ process: Int32) -> Bool {
        guard let status = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8) else { return true }
        return status.contains(") Z")
    }
}
