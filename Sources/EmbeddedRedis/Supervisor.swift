import Logging
import Synchronization

/// Keeps one server running: starts it again when it dies, and ends it with everything it left.
final class Supervisor: Sendable {
    private struct State {
        var server: ChildProcess
        var restarts = 0
        /// Set once, by the first who wants it to end; everybody else waits for the same task.
        var stopping: Task<Void, Never>?
        /// Ends with the error that made it give up, or nil when its owner stopped it.
        var supervision: Task<EmbeddedServerError?, Never>?
    }

    let launcher: ServerLauncher
    let port: Int?
    private let restartsDeadServers: Bool
    private let logger: Logger
    private let state: Mutex<State>

    /// Takes over a server that answers.
    init(_ server: ChildProcess, port: Int?, launcher: ServerLauncher, restarts: Bool, logger: Logger) {
        self.launcher = launcher
        self.port = port
        self.logger = logger
        restartsDeadServers = restarts
        state = Mutex(State(server: server))
        watchOver(server)
    }

    var server: ChildProcess { state.withLock(\.server) }
    var restarts: Int { state.withLock(\.restarts) }

    /// Waits for the end: nil after `stop`, or why the server is not started again.
    func ended() async -> EmbeddedServerError? {
        await state.withLock(\.supervision)?.value
    }

    /// Begins to stop, once, and returns the task that does; it outlives the caller's cancellation.
    @discardableResult
    func beginStopping() -> Task<Void, Never> {
        state.withLock { state in
            if let stopping = state.stopping { return stopping }
            let (server, supervision) = (state.server, state.supervision)
            let task = Task { await stop(server, supervision) }
            state.stopping = task
            return task
        }
    }

    /// Starts a server that died and is not restarted by itself.
    func relaunch() async throws {
        let server = try await launcher.launch(port: port)
        guard adopt(server) else {
            await launcher.end(server)
            throw EmbeddedServerError(.stopped, operation: "restart", "The server was stopped by its owner.")
        }
        watchOver(server)
    }

    private func watchOver(_ server: ChildProcess) {
        let task = Task { await supervise(server) }
        state.withLock { $0.supervision = task }
    }

    private func stop(_ server: ChildProcess, _ supervision: Task<EmbeddedServerError?, Never>?) async {
        // Ends a pause or a start in progress; a server that runs needs its own signal.
        supervision?.cancel()
        await launcher.end(server)
        _ = await supervision?.value
        await launcher.cleanUp()
        logger.debug("embedded redis stopped", metadata: ["folder": "\(launcher.folder.path)"])
    }

    private func supervise(_ first: ChildProcess) async -> EmbeddedServerError? {
        var policy = RestartPolicy()
        var server = first
        while true {
            let start = ContinuousClock.now
            let exit = await server.exit()
            launcher.watchdog.ended(server)
            if isStopping { return nil }
            let cause = death(of: server, exit)
            guard restartsDeadServers else { return cause }
            logger.warning("embedded redis died", metadata: ["exit": "\(exit)", "pid": "\(server.processID)"])
            do {
                server = try await successor(&policy, uptime: start.duration(to: .now), cause: cause)
            } catch {
                if isStopping || error is CancellationError { return nil }
                logger.error("embedded redis gave up", metadata: ["error": "\(error)"])
                return error as? EmbeddedServerError
            }
            guard adopt(server) else {
                await launcher.end(server)
                return nil
            }
            state.withLock { $0.restarts += 1 }
        }
    }

    private func successor(
        _ policy: inout RestartPolicy, uptime: Duration, cause: EmbeddedServerError
    ) async throws -> ChildProcess {
        var action = policy.serverDied(after: uptime)
        var reason: any Error = cause
        while case .restart(let delay) = action {
            try await Task.sleep(for: delay)
            do {
                return try await launcher.launch(port: port)
            } catch {
                if error is CancellationError { throw error }
                reason = error
                action = policy.serverDied(after: .zero)
            }
        }
        throw EmbeddedServerError(
            .died, operation: "restart",
            "The server in \(launcher.folder.path) died \(policy.quickDeaths) times in a row and is not started again.",
            logTail: launcher.folder.logTail(), underlying: reason)
    }

    /// False when the owner stopped it meanwhile: the new server must then be ended by whoever started it.
    private func adopt(_ server: ChildProcess) -> Bool {
        state.withLock { state in
            guard state.stopping == nil else { return false }
            state.server = server
            return true
        }
    }

    private var isStopping: Bool { state.withLock { $0.stopping != nil } }

    private func death(of server: ChildProcess, _ exit: ChildProcess.Exit) -> EmbeddedServerError {
        EmbeddedServerError(
            .died, operation: "supervise",
            "The server in \(launcher.folder.path) (process \(server.processID)) ended with \(exit).",
            logTail: launcher.folder.logTail())
    }
}
