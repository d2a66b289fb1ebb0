import Foundation
import Synchronization

#if canImport(Darwin)
import Darwin
#elseif canImport(Musl)
import Musl
#else
import Glibc
#endif

/// One child process in a group of its own, reaped by a thread that does nothing else.
///
/// A group of its own keeps a terminal's Ctrl-C away from the child: its owner decides when it ends.
final class ChildProcess: Sendable {
    /// How a process ended.
    enum Exit: Equatable, CustomStringConvertible {
        case code(Int32)
        case signal(Int32)

        init(waitStatus: Int32) {
            let signal = waitStatus & 0x7f
            self = signal == 0 ? .code((waitStatus >> 8) & 0xff) : .signal(signal)
        }

        var description: String {
            switch self {
            case .code(let code): "exit code \(code)"
            case .signal(let signal): "signal \(signal)"
            }
        }
    }

    private enum State {
        case running([CheckedContinuation<Exit, Never>])
        case exited(Exit)
    }

    let processID: pid_t
    // Guards the process id too: it may be signalled only before the reaper has given it back to the system.
    private let state = Mutex(State.running([]))

    /// Starts `arguments[0]`; `descriptors[n]` becomes descriptor n, everything else is closed.
    init(_ arguments: [String], descriptors: [Int32]) throws {
        processID = try Spawn.start(arguments, descriptors: descriptors)
        Thread.detachNewThread { [self] in reap() }
    }

    var hasExited: Bool {
        state.withLock { if case .exited = $0 { true } else { false } }
    }

    /// Returns when the process has ended and was reaped.
    func exit() async -> Exit {
        await withCheckedContinuation { continuation in
            let exit: Exit? = state.withLock { state in
                switch state {
                case .exited(let exit):
                    return exit
                case .running(let waiting):
                    state = .running(waiting + [continuation])
                    return nil
                }
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    /// Signals the process, or with `group` everything it started as well; nothing happens once it was reaped.
    func signal(_ signal: Int32, group: Bool = false) {
        state.withLock { state in
            if case .running = state { _ = kill(group ? -processID : processID, signal) }
        }
    }

    /// SIGTERM, and SIGKILL to all of its group when `budget` has passed; returns when it was reaped.
    func terminate(within budget: Duration) async {
        signal(SIGTERM)
        let killer = Task {
            try await Task.sleep(for: budget)
            signal(SIGKILL, group: true)
        }
        _ = await exit()
        killer.cancel()
    }

    private func reap() {
        var info = siginfo_t()
        // WNOWAIT leaves a zombie, so that the id still belongs to this process while the lock is not yet taken.
        while waitid(P_PID, id_t(processID), &info, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        let (exit, waiting) = state.withLock { state -> (Exit, [CheckedContinuation<Exit, Never>]) in
            // A server that crashed while saving leaves a child that would go on writing.
            _ = kill(-processID, SIGKILL)
            var status: Int32 = 0
            while waitpid(processID, &status, 0) == -1, errno == EINTR {}
            let exit = Exit(waitStatus: status)
            guard case .running(let waiting) = state else { preconditionFailure("a process was reaped twice") }
            state = .exited(exit)
            return (exit, waiting)
        }
        for continuation in waiting { continuation.resume(returning: exit) }
    }
}
