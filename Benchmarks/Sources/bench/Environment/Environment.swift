import RedisCore

/// What all cases of a run share: the server, one loop, one client on it.
final class Environment {
    let server: RedisServer
    /// The worker executable, where one was given.
    let worker: String?
    let loop = EventLoop(name: "bench")
    private(set) lazy var redis = RedisClient(
        RedisConfiguration(endpoint: .tcp(host: "127.0.0.1", port: port)), eventLoop: loop)

    var port: Int { server.port }

    init(port: Int?, worker: String?) throws {
        self.worker = worker
        server = try RedisServer(port: port)
        try RawSession(port: server.port).command("SET", Dataset.key, Dataset.value)
    }

    /// Ends the server; the client's connections end with the process.
    func stop() { server.stop() }
}
