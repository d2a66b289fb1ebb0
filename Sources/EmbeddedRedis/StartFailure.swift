/// Reads from a server's last words why it did not start.
struct StartFailure {
    let log: [String]
    let exit: ChildProcess.Exit
    /// The log cannot tell of a full disk when it lies on it.
    var isDiskFull = false

    func error(executable: String, folder: String, port: Int?) -> EmbeddedServerError {
        if mentions("Address already in use"), let port {
            return EmbeddedServerError(
                .portInUse, "Port \(port) of 127.0.0.1 is taken: choose another, or 0 for a free one.", logTail: log)
        }
        if isDiskFull || mentions("No space left on device") {
            return EmbeddedServerError(
                .diskFull, "No space is left for the data in \(folder): free some, or choose another folder.",
                logTail: log)
        }
        if mentions("FATAL CONFIG FILE ERROR") {
            return EmbeddedServerError(
                .invalidOption, "\(executable) refused a directive: see its last lines.", logTail: log)
        }
        if mentions("Permission denied") || mentions("Read-only file system") {
            return EmbeddedServerError(
                .directoryUnusable, "\(executable) may not use \(folder): check its owner and permissions.",
                logTail: log)
        }
        return EmbeddedServerError(
            .startFailed, "\(executable) ended with \(exit) before it answered: is it a Redis server?", logTail: log)
    }

    private func mentions(_ text: String) -> Bool { log.contains { $0.contains(text) } }
}
