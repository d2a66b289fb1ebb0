import Foundation

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// Starts one server process and waits until it answers: what a first start and every restart have in common.
struct ServerLauncher: Sendable {
    let executable: String
    let folder: ServerFolder
    let directives: ServerDirectives
    let startTimeout: Duration
    let stopTimeout: Duration
    let watchdog: Watchdog
    let lock: FolderLock?

    // Announces the process id on descriptor 3 before it becomes the server, so that there is no moment in which the
    // server runs and the watchdog does not know it.
    private static let announce = #"echo $$ >&3 && exec 3>&- && exec "$@""#
    private static let pause = Duration.milliseconds(5)

    /// Starts a server and returns when it serves commands; one that does not is ended again.
    func launch(port: Int?) async throws -> ChildProcess {
        let process = try spawn(port: port)
        do {
            try await waitUntilReady(process, port: port)
            return process
        } catch {
            await end(process)
            throw error
        }
    }

    /// Starts the first server; with port 0 the port is chosen here, again if somebody else was quicker to take it.
    func launchFirst(wantedPort: Int?) async throws -> (process: ChildProcess, port: Int?) {
        guard wantedPort == 0 else { return (try await launch(port: wantedPort), wantedPort) }
        var attempts = 5
        while true {
            let port = try ReadinessProbe.freePort()
            attempts -= 1
            do {
                return (try await launch(port: port), port)
            } catch let error as EmbeddedServerError where error.code == .portInUse && attempts > 0 {}
        }
    }

    /// Ends a process within `stopTimeout` and tells the watchdog; harmless for one that is gone.
    func end(_ process: ChildProcess) async {
        await process.terminate(within: stopTimeout)
        watchdog.ended(process)
    }

    /// Lets the watchdog clean up, and whoever waits for the folder go on.
    func cleanUp() async {
        await watchdog.finish()
        folder.removeIfTemporary()
        lock?.release()
    }

    /// Starts the process, which reads its configuration and then belongs to `waitUntilReady`.
    private func spawn(port: Int?) throws -> ChildProcess {
        guard watchdog.isWatching else {
            throw EmbeddedServerError(.startFailed, "The server's watchdog process was killed; start a new server.")
        }
        let log = open(folder.log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw logUnusable(errno) }
        defer { close(log) }
        let standardInput = try SocketPair()
        defer { close(standardInput.ours) }
        defer { close(standardInput.theirs) }
        let process = try ChildProcess(
            ["/bin/sh", "-c", Self.announce, "redis-launcher", executable, "-"],
            descriptors: [standardInput.theirs, log, log, watchdog.announcements] + (lock?.descriptors ?? []))
        let text = directives.text(directory: folder.path, socket: folder.socket, port: port)
        SocketPair.send(text, to: standardInput.ours)
        return process
    }

    /// Returns when the server serves commands; throws when it ends, or says nothing for `startTimeout`.
    private func waitUntilReady(_ process: ChildProcess, port: Int?) async throws {
        var deadline = ContinuousClock.now + startTimeout
        while true {
            try Task.checkCancellation()
            if process.hasExited { throw startFailure(await process.exit(), port: port) }
            // A busy process may get the answer long after it was given: only one asked for too late counts as late.
            let asked = ContinuousClock.now
            var answer = await ReadinessProbe.ask(unix: folder.socket)
            if answer == .ready, let port { answer = await ReadinessProbe.ask(port: port) }
            switch answer {
            case .ready: return
            case .loading: deadline = ContinuousClock.now + startTimeout
            case .silent: break
            }
            guard asked < deadline else {
                throw EmbeddedServerError(
                    .startFailed, "\(executable) did not answer at \(folder.socket) within \(startTimeout).",
                    logTail: folder.logTail())
            }
            try await Task.sleep(for: Self.pause)
        }
    }

    private func logUnusable(_ code: Int32) -> EmbeddedServerError {
        let reason = Spawn.Failure(call: "open", errno: code).reason
        return EmbeddedServerError(
            code == ENOSPC ? .diskFull : .directoryUnusable, "\(folder.log) cannot be written: \(reason).")
    }

    private func startFailure(_ exit: ChildProcess.Exit, port: Int?) -> EmbeddedServerError {
        StartFailure(log: folder.logTail(), exit: exit, isDiskFull: folder.isDiskFull)
            .error(executable: executable, folder: folder.path, port: port)
    }
}
