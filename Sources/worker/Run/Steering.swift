import Foundation
import Logging
import ServiceLifecycle

/// Steers a running worker by its signals until everything has ended: ``RunState`` decides, this acts.
struct Steering {
    let fetching: ServiceGroup
    let inFlight: InFlight
    let drainTimeout: Duration
    let logger: Logger

    private enum Step: Sendable {
        case signal(WorkerSignal)
        case fetchingEnded((any Error)?)
        case drainTimeout
    }

    /// Returns when the worker was told to end and has drained; throws when the drain was cut short or fetching failed.
    func run(_ signals: AsyncStream<WorkerSignal>) async throws {
        let (steps, continuation) = AsyncStream.makeStream(of: Step.self)
        let fetch = Task { try await fetching.run() }
        var tasks = [
            Task { for await signal in signals { continuation.yield(.signal(signal)) } },
            Task {
                switch await fetch.result {
                case .success: continuation.yield(.fetchingEnded(nil))
                case .failure(let error): continuation.yield(.fetchingEnded(error))
                }
            },
        ]
        defer { tasks.forEach { $0.cancel() } }
        var state = RunState()
        var wasCut = false
        for await step in steps {
            switch step {
            case .signal(let signal):
                switch state.received(signal) {
                case .drain:
                    await stopFetching("draining")
                    tasks.append(
                        Task {
                            // Cancelled when the drain ends by itself.
                            guard (try? await Task.sleep(for: drainTimeout)) != nil else { return }
                            continuation.yield(.drainTimeout)
                        })
                case .quiet: await stopFetching("no longer fetching; SIGTERM ends")
                case .printInFlight: Terminal.printError(InFlight.report(inFlight.entries))
                case .endNow: endNow(signal)
                case .finish: return
                case .none, .fail: break
                }
            case .drainTimeout:
                wasCut = inFlight.count > 0
                logger.error("drain timeout: ending what still runs", metadata: ["in_flight": "\(inFlight.count)"])
                fetch.cancel()
            case .fetchingEnded(let error):
                switch state.fetchingEnded() {
                case .finish where wasCut:
                    throw Failure(.software, "the drain timeout ended handlers that were still running")
                case .finish: return
                case .fail: throw error.map { Failure($0) } ?? Failure(.software, "the subscription ended by itself")
                default: break
                }
            }
        }
    }

    private func stopFetching(_ message: Logger.Message) async {
        logger.notice(message, metadata: ["in_flight": "\(inFlight.count)"])
        await fetching.triggerGracefulShutdown()
    }

    /// Leaves without a drain.
    ///
    /// The guard of the programs and that of the embedded server act on our end.
    private func endNow(_ signal: WorkerSignal) -> Never {
        logger.error("second signal: ending at once", metadata: ["in_flight": "\(inFlight.count)"])
        _exit(128 + SignalWatcher.number(of: signal))
    }
}
