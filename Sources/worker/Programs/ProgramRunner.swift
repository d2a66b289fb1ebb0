import Subprocess

/// Runs programs in sessions of their own and sees to it that nothing of them is left when a run returns.
struct ProgramRunner: Sendable {
    let processGuard: ProcessGuard

    /// Runs a program to its end.
    ///
    /// `onLine` gets its output line by line, from two tasks at a time.
    ///
    /// At the timeout, or when the calling task is cancelled, its whole process group gets SIGTERM and, after the
    /// grace, SIGKILL. What it left running in its group is killed when it ends. A program that does not read its
    /// input is no error.
    func run(
        _ program: Program, onStart: @escaping @Sendable (Int32) -> Void = { _ in },
        onLine: @escaping @Sendable (Program.Output, String) -> Void
    ) async -> Program.Ending {
        let group = ProcessGroup(grace: program.grace)
        // Not a child of this task: cancellation must end the program, not the reading of its last words.
        let run = Task { await start(program, in: group, onStart: onStart, onLine: onLine) }
        let watchdog = Task {
            try await Task.sleep(for: program.timeout)
            group.stop(because: .timedOut)
        }
        defer { watchdog.cancel() }
        return await withTaskCancellationHandler {
            await run.value
        } onCancel: {
            group.stop(because: .cancelled)
        }
    }

    private func start(
        _ program: Program, in group: ProcessGroup, onStart: @escaping @Sendable (Int32) -> Void,
        onLine: @escaping @Sendable (Program.Output, String) -> Void
    ) async -> Program.Ending {
        let ending = await spawn(program, in: group, onStart: onStart, onLine: onLine)
        let (processID, reason) = await group.end()
        if let processID { await processGuard.forget(processID) }
        return reason ?? ending
    }

    private func spawn(
        _ program: Program, in group: ProcessGroup, onStart: @escaping @Sendable (Int32) -> Void,
        onLine: @escaping @Sendable (Program.Output, String) -> Void
    ) async -> Program.Ending {
        do {
            let outcome = try await Subprocess.run(
                Self.configuration(of: program), input: .inputWriter, output: .sequence, error: .sequence
            ) { execution in
                let processID = execution.processIdentifier.value
                // Announced before it gets its input: a program that waits for its event never runs unguarded.
                await processGuard.watch(processID)
                group.started(processID)
                onStart(processID)
                async let written: Void = Self.write(program.input, to: execution.standardInputWriter)
                async let read: Void = Self.read(execution.standardOutput, limits: program.limits) {
                    onLine(.standardOutput, $0)
                }
                await Self.read(execution.standardError, limits: program.limits) { onLine(.standardError, $0) }
                _ = await (written, read)
            }
            return switch outcome.terminationStatus {
            case .exited(let code): .exited(code)
            case .signaled(let signal): .signalled(signal)
            }
        } catch {
            return .notStarted(Self.describe(error))
        }
    }

    private static func configuration(of program: Program) -> Configuration {
        var options = PlatformOptions()
        options.createSession = true
        return Configuration(
            executable: Executable(command: program.command.first ?? ""),
            arguments: Arguments(Array(program.command.dropFirst())),
            environment: .inherit.updating(
                Dictionary(
                    uniqueKeysWithValues: program.environment.map {
                        (Environment.Key(stringLiteral: $0.key), Optional($0.value))
                    })),
            platformOptions: options)
    }

    private static func write(_ input: [UInt8], to writer: StandardInputWriter) async {
        // Both fail with EPIPE when the program ends or closes its input without reading, which is its right.
        _ = try? await writer.write(input)
        try? await writer.finish()
    }

    private static func read(
        _ output: SubprocessOutputSequence, limits: LineSplitter.Limits, onLine: (String) -> Void
    ) async {
        var splitter = LineSplitter(limits: limits)
        do {
            for try await chunk in output {
                let lines = chunk.withUnsafeBytes { splitter.append($0) }
                lines.forEach(onLine)
            }
        } catch {
            onLine("… reading the output failed: \(error)")
        }
        splitter.finish().forEach(onLine)
    }

    private static func describe(_ error: any Error) -> String {
        guard let error = error as? SubprocessError else { return "\(error)" }
        return error.code == .executableNotFound
            ? "there is no such program; give its path, or install it where PATH finds it" : "\(error)"
    }
}
