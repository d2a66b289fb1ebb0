import RedisCore

/// One run of an external program.
struct Program: Sendable {
    /// A path, or a name looked up in `PATH`, and its arguments.
    var command: [String]
    /// Added to the environment of this process.
    var environment: [String: String] = [:]
    /// Written to its standard input, which is then closed.
    var input: [UInt8] = []
    var timeout: Duration
    /// Between SIGTERM and SIGKILL.
    var grace = Duration.seconds(3)
    var limits = LineSplitter.Limits()

    /// Which of its two outputs a line came from.
    enum Output: String, Sendable { case standardOutput = "stdout", standardError = "stderr" }

    /// How it ended.
    enum Ending: Sendable, Equatable {
        case exited(Int32)
        case signalled(Int32)
        case timedOut
        /// Ended because the caller was cancelled.
        case cancelled
        case notStarted(String)

        /// nil for success; otherwise one clause for a log line.
        func failure(of program: String, timeout: Duration) -> String? {
            switch self {
            case .exited(0): nil
            case .exited(let code): "\(program) exited with code \(code)"
            case .signalled(let signal): "\(program) was ended by signal \(signal)"
            case .timedOut: "\(program) did not finish within \(DurationText.text(timeout)) and was ended"
            case .cancelled: "\(program) was ended because its run was cancelled"
            case .notStarted(let reason): "\(program) could not be started: \(reason)"
            }
        }
    }
}
