import Foundation
public import Logging
public import RedisCore
public import ServiceLifecycle

/// A private `redis-server` that lives as long as its owner.
///
/// It listens on a Unix socket in a folder that only this user may enter. It is started again when it dies, and ends
/// with its owner even when that is killed: no process and no temporary file is left. Either call ``stop()``, or hand
/// it to a `ServiceGroup`, which stops it at a graceful shutdown.
///
/// ```swift
/// let server = try await EmbeddedServer.start()
/// let redis = try await RedisClient.connect(server.configuration)
/// ```
public final class EmbeddedServer: Service, Sendable {
    private let supervisor: Supervisor
    private let password: String?

    /// Starts a server and waits until it answers.
    ///
    /// Throws ``EmbeddedServerError``, or `CancellationError`; both leave nothing behind.
    public static func start(_ options: Options = .init(), logger: Logger? = nil) async throws -> EmbeddedServer {
        try options.check()
        let directives = try ServerDirectives(options)
        let path = ProcessInfo.processInfo.environment["PATH"]
        let executable = try ServerExecutable.locate(options.executable, path: path)
        let folder = try ServerFolder(options.directory)
        let lock = folder.isTemporary ? nil : try await FolderLock.take(folder.path, waiting: options.startTimeout)
        let watchdog = try Watchdog(
            makingFolder: folder.isTemporary ? folder.path : nil, socket: folder.socket, lock: lock,
            budget: options.stopTimeout)
        let launcher = ServerLauncher(
            executable: executable, folder: folder, directives: directives, startTimeout: options.startTimeout,
            stopTimeout: options.stopTimeout, watchdog: watchdog, lock: lock)
        let logger = logger ?? Logger(label: "signalbox.embedded")
        do {
            let (server, port) = try await launcher.launchFirst(wantedPort: options.tcpPort)
            logger.debug(
                "embedded redis started", metadata: ["folder": "\(folder.path)", "pid": "\(server.processID)"])
            let supervisor = Supervisor(
                server, port: port, launcher: launcher, restarts: options.restarts, logger: logger)
            return EmbeddedServer(supervisor, password: directives.password)
        } catch {
            await launcher.cleanUp()
            throw error
        }
    }

    private init(_ supervisor: Supervisor, password: String?) {
        self.supervisor = supervisor
        self.password = password
    }

    deinit { supervisor.beginStopping() }

    /// How to reach it over its Unix socket.
    public var configuration: RedisConfiguration {
        RedisConfiguration(
            endpoint: .unix(path: supervisor.launcher.folder.socket), password: password.map { Secret($0) })
    }

    /// Its Unix socket as a URL, `unix:///…/redis.sock`; a password that was set by directive is not part of it.
    public var url: String {
        let unreserved = CharacterSet.urlPathAllowed
        let path = supervisor.launcher.folder.socket
        return "unix://" + (path.addingPercentEncoding(withAllowedCharacters: unreserved) ?? path)
    }

    /// The loopback port, when one was asked for.
    public var tcpPort: Int? { supervisor.port }

    /// The process id of the server, or of the last one while it is being started again.
    public var processID: Int32 { supervisor.server.processID }

    /// How often it was started again.
    public var restarts: Int { supervisor.restarts }

    /// Stops the server and removes what it left (not a given `directory`).
    ///
    /// Safe to call twice. Returns when the process is gone: SIGTERM, which lets it save its data, and SIGKILL after
    /// `stopTimeout`.
    public func stop() async { await supervisor.beginStopping().value }

    /// Waits for a graceful shutdown or cancellation, then stops the server.
    ///
    /// Throws ``EmbeddedServerError`` with code `died` when the server died and is not started again.
    public func run() async throws {
        let supervisor = supervisor
        let failure = await withTaskCancellationOrGracefulShutdownHandler {
            await supervisor.ended()
        } onCancelOrGracefulShutdown: {
            supervisor.beginStopping()
        }
        await stop()
        if let failure { throw failure }
    }
}

/// For tests that need a server to be away for a while.
extension EmbeddedServer {
    /// Its folder, with `redis.sock` and `redis.log`.
    package var directory: String { supervisor.launcher.folder.path }

    /// The last lines it logged.
    package var logTail: [String] { supervisor.launcher.folder.logTail() }

    /// Signals the server's process; nothing happens when it is already gone.
    package func signal(_ signal: Int32) { supervisor.server.signal(signal) }

    /// Waits until the process that runs now has ended.
    package func processEnd() async { _ = await supervisor.server.exit() }

    /// Starts a server that was started with `restarts` off and has died, on the same socket, port and data.
    package func relaunch() async throws { try await supervisor.relaunch() }
}
