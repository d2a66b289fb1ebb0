import Foundation
import Subprocess

/// Ends the programs of this process when this process dies without doing so itself, even by SIGKILL.
///
/// A small shell waits on a pipe whose other end only this process holds. Programs are announced before they get
/// their input and struck off when they have ended. When the pipe closes, the shell kills the process group of each
/// program that is left. It has a session of its own, so a terminal's ctrl-C does not reach it.
struct ProcessGuard: Sendable {
    private let writer: StandardInputWriter

    /// Runs `body` with a guard; whatever is still announced when it returns is killed, and `folder` is removed.
    static func with<T: Sendable>(
        removing folder: String? = nil, _ body: (ProcessGuard) async throws -> T
    ) async throws -> T {
        Self.ignoreBrokenPipes
        var options = PlatformOptions()
        options.createSession = true
        let configuration = Configuration(
            executable: Executable(command: "/bin/sh"), arguments: ["-c", script, "worker-guard", folder ?? ""],
            platformOptions: options)
        let outcome = try await Subprocess.run(
            configuration, input: .inputWriter, output: .discarded, error: .discarded
        ) { execution in
            try await body(ProcessGuard(writer: execution.standardInputWriter))
        }
        return outcome.closureResult
    }

    /// Announces a process group.
    ///
    /// The group is safe once this returns.
    func watch(_ processGroup: Int32) async { await tell("+ \(processGroup)\n") }

    /// Strikes it off: it has ended.
    func forget(_ processGroup: Int32) async { await tell("- \(processGroup)\n") }

    private func tell(_ line: String) async {
        // The guard only ever dies by somebody's hand; the programs must not suffer from that.
        _ = try? await writer.write(line)
    }

    /// Writing to a program that has gone must be an error of that write, not the end of this process.
    private static let ignoreBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

    private static let script = """
        trap '' HUP INT TERM QUIT TSTP
        groups=" "
        while read -r sign group; do
            case $sign in
                +) groups="$groups$group " ;;
                -) case $groups in
                       *" $group "*) groups="${groups%%" $group "*} ${groups#*" $group "}" ;;
                   esac ;;
            esac
        done
        for group in $groups; do kill -KILL -"$group" 2>/dev/null; done
        if [ -n "$1" ]; then rm -rf -- "$1"; fi
        """
}
