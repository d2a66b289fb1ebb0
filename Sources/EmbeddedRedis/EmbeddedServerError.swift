/// Why a private server could not be started or kept alive.
public struct EmbeddedServerError: Error, Sendable {
    /// The kind of failure; new kinds may be added, so keep a `default` branch.
    @nonexhaustive
    public enum Code: String, Sendable, Hashable {
        /// No `redis-server` on this machine; the message says how to install one.
        case notInstalled
        /// An option is out of range or a directive is not allowed; the message names it.
        case invalidOption
        /// The folder cannot be made, entered or written, or its path is too long for a socket.
        case directoryUnusable
        /// Another server is running in the folder.
        case directoryInUse
        /// Another process listens on the port.
        case portInUse
        /// No space is left where the data should go.
        case diskFull
        /// The server ended, or said nothing, before it answered its first PING.
        case startFailed
        /// The server died and is not started again: restarts are off, or it died too often.
        case died
        /// The server was already stopped by its owner.
        case stopped
    }

    /// The kind of failure.
    public let code: Code
    /// `start`, `restart` or `supervise`.
    public let operation: String
    /// What happened, where, and what to do about it.
    public let message: String
    /// The last lines the server logged, oldest first; empty when it logged nothing.
    public let logTail: [String]
    /// The error beneath, where there is one.
    public let underlying: (any Error)?

    init(
        _ code: Code, operation: String = "start", _ message: String, logTail: [String] = [],
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.operation = operation
        self.message = message
        self.logTail = logTail
        self.underlying = underlying
    }
}

extension EmbeddedServerError: CustomStringConvertible {
    /// The message, then the server's last words on lines of their own.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let underlying { text += " [\(underlying)]" }
        for line in logTail { text += "\n  redis-server: \(line)" }
        return text
    }
}
