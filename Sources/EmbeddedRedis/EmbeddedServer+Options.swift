extension EmbeddedServer {
    /// How to start the server.
    public struct Options: Sendable {
        /// Data and socket folder, made when missing; nil makes a private temporary one that is removed at the end.
        ///
        /// One server at a time: the folder is locked for as long as the server's process exists. Its path is limited
        /// by what a Unix socket's address can hold (95 bytes on Linux, 91 on macOS).
        public var directory: String?
        /// Append-only file on: what was written survives a crash of the server, except for the last second.
        public var appendOnly: Bool = false
        /// Also listen on this port of 127.0.0.1 (0 picks a free one); nil means Unix socket only.
        public var tcpPort: Int?
        /// Further directives in the syntax of the server's configuration file.
        ///
        /// For example `["maxmemory": "100mb"]`. Directives that this type sets itself (`port`, `dir`, `unixsocket`,
        /// `daemonize`, …) are refused, as are names and values that could smuggle in another line.
        public var directives: [String: String] = [:]
        /// Executable to start, as a path or a name; nil searches `PATH` for `redis-server`, then `valkey-server`.
        public var executable: String?
        /// Start it again when it dies: after 50 ms, doubling up to 2 s; five quick deaths in a row end it for good.
        public var restarts: Bool = true
        /// Longest silence of a starting server; a server that says it is loading its data is waited for without limit.
        public var startTimeout: Duration = .seconds(15)
        /// Time between SIGTERM and SIGKILL when stopping.
        public var stopTimeout: Duration = .seconds(10)

        /// The defaults.
        public init() {}

        func check() throws(EmbeddedServerError) {
            if let tcpPort, !(0...65_535).contains(tcpPort) {
                throw EmbeddedServerError(.invalidOption, "tcpPort is \(tcpPort): a port is between 0 and 65535.")
            }
            for (name, value) in [("startTimeout", startTimeout), ("stopTimeout", stopTimeout)]
            where value < .milliseconds(100) || value > .seconds(3_600) {
                throw EmbeddedServerError(.invalidOption, "\(name) is \(value): it is between 0.1 s and an hour.")
            }
        }
    }
}
